/** Where an image is chosen, dropped or pasted, and its preview. */
import { useEffect, useRef, useState } from "preact/hooks";
import { MOST, NAMES, type Picture, sizeOf, TYPES } from "../caption/picture";
import { bring, fault, picture } from "../caption/session";

export function ImagePicker() {
  const over = useBrought();
  const input = useRef<HTMLInputElement>(null);
  // The input names the file that is taken, whichever way that came.
  const show = () => {
    const taken = new DataTransfer();
    const file = picture.peek()?.file;
    if (file !== undefined) taken.items.add(file);
    if (input.current !== null) input.current.files = taken.files;
  };
  useEffect(show, [picture.value]);
  return (
    <div class={over ? "field drop over" : "field drop"}>
      <label for="image">Image</label>
      <input
        ref={input}
        id="image"
        type="file"
        accept={TYPES.join(",")}
        aria-invalid={fault.value !== undefined}
        aria-describedby="image-hint"
        onChange={(event) => {
          bring(event.currentTarget.files ?? []);
          show();
        }}
      />
      <p id="image-hint" class="hint">
        {fault.value === undefined ? (
          `Or drop or paste one on this page: ${NAMES}, at most ${sizeOf(MOST)}.`
        ) : (
          <span class="fault" role="alert">
            {fault.value}
          </span>
        )}
      </p>
      {picture.value !== undefined && <Preview key={picture.value.url} picture={picture.value} />}
    </div>
  );
}

/** Take what is dropped or pasted anywhere; tells whether something is held over the page. */
function useBrought(): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const ends = new AbortController();
    const options = { signal: ends.signal };
    const onPaste = ({ clipboardData }: ClipboardEvent) => bring(clipboardData?.files ?? []);
    const onDrop = (event: DragEvent) => {
      event.preventDefault(); // or the browser leaves the page for the file
      setOver(false);
      bring(event.dataTransfer?.files ?? []);
    };
    const onDragOver = (event: DragEvent) => {
      event.preventDefault();
      setOver(true);
    };
    const onDragLeave = ({ relatedTarget }: DragEvent) => setOver(relatedTarget !== null);
    addEventListener("paste", onPaste, options);
    addEventListener("drop", onDrop, options);
    addEventListener("dragover", onDragOver, options);
    addEventListener("dragleave", onDragLeave, options);
    return () => ends.abort();
  }, []);
  return over;
}

function Preview({ picture: { file, url } }: { picture: Picture }) {
  const [size, setSize] = useState<string>();
  return (
    <figure class="preview">
      {size === "" ? (
        <p class="empty">This browser does not show such a file; the mesh may read it.</p>
      ) : (
        <img
          src={url}
          alt="The chosen one"
          onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) =>
            setSize(`${naturalWidth} × ${naturalHeight}, `)
          }
          onError={() => setSize("")}
        />
      )}
      <figcaption class="hint">
        {file.name}: {size}
        {sizeOf(file.size)}
      </figcaption>
    </figure>
  );
}
