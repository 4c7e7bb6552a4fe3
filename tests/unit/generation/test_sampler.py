"""Tokens are drawn as transformers would, but by seed and position."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from convoy_services.generation.engines.noise import gumbel
from convoy_services.generation.engines.sampler import Row, choose, likely
from convoy_services.generation.engines.truncation import HEAD, truncate
from convoy_services.generation.sampling import Sampling

CPU = torch.device("cpu")
SAMPLINGS = [
    Sampling(temperature=0.7),
    Sampling(temperature=1.0, top_k=5),
    Sampling(temperature=0.7, top_p=0.8),
    Sampling(temperature=1.3, min_p=0.1),
    Sampling(temperature=0.9, top_k=20, top_p=0.7),
    Sampling(temperature=1.5, top_k=30, top_p=0.95, min_p=0.05),
    Sampling(temperature=1.0, top_p=0.01),
    Sampling(temperature=1.0, top_k=1),
]


def noise_of(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scores_of(rows: int, vocab: int, *, scale: float = 2.0, seed: int = 0) -> Tensor:
    return scale * torch.randn(rows, vocab, generator=noise_of(seed))


def row(sampling: Sampling, *, seed: int = 0, prompt: tuple[int, ...] = (1,)) -> Row:
    return Row(sampling, seed=seed, prompt=prompt)


def warped(scores: Tensor, sampling: Sampling) -> Tensor:
    """Change scores as ``generate`` does."""
    warpers = LogitsProcessorList([TemperatureLogitsWarper(float(sampling.temperature))])
    if sampling.top_k:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        warpers.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        warpers.append(MinPLogitsWarper(sampling.min_p))
    return warpers(torch.zeros(len(scores), 1, dtype=torch.long), scores)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("vocab", [50, 3000])
def test_tokens_are_left_out_as_by_transformers(sampling: Sampling, vocab: int) -> None:
    scores = scores_of(8, vocab)
    expected = warped(scores, sampling)
    got = truncate(scores / sampling.temperature, [sampling] * 8)
    torch.testing.assert_close(got, expected)


def test_rows_are_left_out_by_their_own_settings() -> None:
    scores = scores_of(len(SAMPLINGS), 3000)
    ones = [replace(one, temperature=1.0) for one in SAMPLINGS]
    got = truncate(scores, ones)
    for n, one in enumerate(ones):
        torch.testing.assert_close(got[n : n + 1], warped(scores[n : n + 1], one))


def test_a_nucleus_wider_than_what_is_sorted_first_is_whole() -> None:
    flat, steep = scores_of(1, 4000, scale=0.1), scores_of(1, 4000, scale=9.0)
    sampling = Sampling(top_p=0.9)
    got = truncate(torch.cat([steep, flat]), [sampling] * 2)
    assert got[1].isfinite().sum() > HEAD > got[0].isfinite().sum()
    torch.testing.assert_close(got, warped(torch.cat([steep, flat]), sampling))


def test_a_top_k_beyond_the_vocabulary_keeps_all() -> None:
    scores = scores_of(2, 10)
    assert truncate(scores, [Sampling(top_k=99)] * 2).isfinite().all()


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_draws_have_the_distribution_of_transformers(sampling: Sampling) -> None:
    draws = 20_000
    scores = scores_of(1, 40)
    chosen = choose(scores.expand(draws, -1), [row(sampling, seed=n) for n in range(draws)])
    shares = chosen.argmax(-1).bincount(minlength=40) / draws
    expected = warped(scores, sampling).softmax(-1)[0]
    # Half the sum of differences; by chance about 0.01, the same each time as the seeds are.
    assert (shares - expected).abs().sum() / 2 < 0.02
    assert not shares[expected == 0].any()


def test_draws_at_positions_of_one_seed_have_the_distribution_too() -> None:
    draws = 20_000
    scores = scores_of(1, 40)
    drawn = scores + gumbel([(7, position) for position in range(draws)], 40, CPU)
    shares = drawn.argmax(-1).bincount(minlength=40) / draws
    assert (shares - scores.softmax(-1)[0]).abs().sum() / 2 < 0.02


def test_a_rows_position_counts_what_was_generated() -> None:
    one = row(Sampling(), prompt=(5, 6, 7))
    assert one.position == 0
    one.tokens.append(8)
    assert one.position == 1


def test_a_row_is_drawn_alike_alone_and_in_company() -> None:
    scores = scores_of(len(SAMPLINGS), 3000)
    rows = [row(one, seed=n) for n, one in enumerate(SAMPLINGS)]
    together = choose(scores, rows).argmax(-1)
    alone = [choose(scores[n : n + 1], rows[n : n + 1]).argmax(-1) for n in range(len(rows))]
    backwards = choose(scores.flip(0), rows[::-1]).argmax(-1).flip(0)
    assert together.tolist() == [int(one) for one in alone] == backwards.tolist()


def test_seeds_that_follow_each_other_have_nothing_in_common() -> None:
    noise = gumbel([(seed, 0) for seed in range(100)], 5000, CPU)
    correlations = noise.corrcoef().fill_diagonal_(0)
    assert correlations.abs().max() < 0.08  # 5.6 standard deviations


def test_noise_is_gumbel() -> None:
    noise = gumbel([(3, position) for position in range(200)], 5000, CPU)
    assert noise.isfinite().all()
    assert noise.mean() == pytest.approx(0.5772, abs=0.005)
    assert noise.var() == pytest.approx(torch.pi**2 / 6, abs=0.02)


def test_greedy_rows_without_penalty_cost_nothing() -> None:
    scores = scores_of(3, 50)
    assert choose(scores, [row(Sampling(temperature=0))] * 3) is scores


def test_greedy_rows_are_left_alone_beside_drawn_ones() -> None:
    scores = scores_of(2, 50)
    before = scores.clone()
    chosen = choose(scores, [row(Sampling(temperature=0, top_k=1)), row(Sampling())])
    assert torch.equal(chosen[0], scores[0])
    assert torch.equal(scores, before)


@pytest.mark.parametrize("penalty", [0.8, 1.3])
def test_repetition_is_penalized_as_by_transformers(penalty: float) -> None:
    scores = scores_of(2, 50)
    sampling = Sampling(temperature=0, repetition_penalty=penalty)
    rows = [row(sampling, prompt=(4, 4, 9)), row(Sampling(temperature=0))]
    processor = RepetitionPenaltyLogitsProcessor(penalty)
    for token in (None, 17, 9, 30):
        if token is not None:
            rows[0].tokens.append(token)
        got = choose(scores, rows)
        expected = processor(torch.tensor([rows[0].tokens]), scores[:1])
        torch.testing.assert_close(got[:1], expected)
        assert torch.equal(got[1], scores[1])


def test_the_smallest_temperature_takes_the_likeliest() -> None:
    scores = scores_of(4, 50, scale=30)
    chosen = choose(scores, [row(Sampling(temperature=1e-38, top_p=0.9), seed=n) for n in range(4)])
    assert chosen.argmax(-1).tolist() == scores.argmax(-1).tolist()


def test_a_model_that_gives_no_numbers_does_not_break_the_others() -> None:
    scores = scores_of(len(SAMPLINGS), 3000)
    rows = [row(one, seed=n) for n, one in enumerate(SAMPLINGS)]
    expected = choose(scores, rows).argmax(-1)
    scores[2] = torch.nan
    got = choose(scores, rows).argmax(-1)
    got[2] = expected[2]
    assert got.tolist() == expected.tolist()


def test_likelihoods_are_those_of_the_models_own_scores() -> None:
    scores = scores_of(3, 50)
    rows = [row(Sampling(logprobs=n, temperature=0.1, top_k=2)) for n in (-1, 0, 3)]
    told = likely(scores, torch.tensor([5, 6, 7]), rows)
    logs = scores.log_softmax(-1)
    assert sorted(told) == [1, 2]
    assert told[1].logprob == pytest.approx(float(logs[1, 6]))
    assert told[1].likeliest == []
    assert told[2].logprob == pytest.approx(float(logs[2, 7]))
    values, tokens = logs[2].topk(3)
    assert [token for token, _ in told[2].likeliest] == tokens.tolist()
    assert [value for _, value in told[2].likeliest] == pytest.approx(values.tolist())


def test_more_likeliest_than_there_are_tokens_are_all() -> None:
    told = likely(scores_of(1, 5), torch.tensor([0]), [row(Sampling(logprobs=20))])
    assert len(told[0].likeliest) == 5
