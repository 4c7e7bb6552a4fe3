import assert from "node:assert/strict";
import { test } from "node:test";
import { BF16, FP16, narrow, widen } from "../src/half.js";

for (const [name, half] of Object.entries({ FP16, BF16 })) {
  test(`every ${name} survives being widened`, () => {
    for (let bits = 0; bits < 2 ** 16; bits++) {
      const value = widen(bits, half);
      if (Number.isNaN(value)) assert.ok(Number.isNaN(widen(narrow(value, half), half)));
      else assert.equal(narrow(value, half), bits, `${bits} is ${value}`);
    }
  });

  test(`between two neighbours of ${name} the nearest is taken, the even one from the middle`, () => {
    const infinity = narrow(Number.POSITIVE_INFINITY, half);
    for (let bits = 0; bits + 1 < infinity; bits++) {
      const [low, high] = [widen(bits, half), widen(bits + 1, half)];
      assert.equal(narrow(low + (high - low) / 2, half), bits % 2 ? bits + 1 : bits);
      assert.equal(narrow(low + (high - low) * 0.49, half), bits);
      assert.equal(narrow(low + (high - low) * 0.51, half), bits + 1);
    }
  });
}

test("known numbers", () => {
  assert.deepEqual(
    [1, -2, 65504, 6e-8, 1 / 3, 65520, -0].map((value) => narrow(value, FP16)),
    [0x3c00, 0xc000, 0x7bff, 0x0001, 0x3555, 0x7c00, 0x8000],
  );
  assert.deepEqual(
    [1, -2, 3.140625, 1e-40, 3.4e38].map((value) => narrow(value, BF16)),
    [0x3f80, 0xc000, 0x4049, 0x0001, 0x7f80],
  );
});
