import type { MessageInitShape } from "@bufbuild/protobuf";
import { isText } from "./element.js";
import type { ChatMessageSchema, GenerateRequestSchema } from "./gen/convoy/v1/generation_pb.js";
import { tokens } from "./sampling.js";

/** One turn of a conversation. */
export interface ChatMessage {
  /** Who speaks, in the words of the model's template: system, user, assistant … */
  readonly role: string;
  readonly content: string;
}

/** Read a prompt, which is a text or tokens; throws TypeError or RangeError for what is neither. */
export function toPrompt(
  prompt: string | readonly number[],
): NonNullable<MessageInitShape<typeof GenerateRequestSchema>["prompt"]> {
  if (typeof prompt !== "string")
    return { case: "tokenIds", value: { ids: tokens("prompt", prompt) } };
  if (!isText(prompt)) throw new TypeError("prompt has half a surrogate pair");
  return { case: "text", value: prompt };
}

/** Read the turns of a conversation; throws TypeError for one that is none. */
export function toMessages(
  messages: readonly ChatMessage[],
): MessageInitShape<typeof ChatMessageSchema>[] {
  if (!Array.isArray(messages)) throw new TypeError("messages is a list, also of one");
  return Array.from(messages, ({ role, content }: ChatMessage, place) => {
    for (const [name, text] of Object.entries({ role, content }))
      if (!isText(text))
        throw new TypeError(`messages[${place}].${name} is no text, or half a surrogate pair`);
    return { role, content };
  });
}

/** Read the bytes of an image file; throws TypeError for what has none. */
export async function toImage(image: Uint8Array | Blob): Promise<Uint8Array<ArrayBuffer>> {
  if (image instanceof Blob) return new Uint8Array(await image.arrayBuffer());
  if (!(image instanceof Uint8Array)) throw new TypeError("image is a Uint8Array or a Blob");
  return image as Uint8Array<ArrayBuffer>;
}
