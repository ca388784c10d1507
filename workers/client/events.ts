/** A server-sent event. */
interface ServerEvent {
  event: string;
  data: string;
}

/** Reads a body of server-sent events (text/event-stream of the HTML standard) as they arrive. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent, void> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let text = "";
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += part.value.replaceAll("\r\n", "\n");
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const event = parse(text.slice(0, end));
        text = text.slice(end + 2);
        if (event.data !== "") yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function parse(block: string): ServerEvent {
  const fields = block.split("\n").map((line) => /^(\w+):\s?(.*)$/.exec(line) ?? ["", "", ""]);
  const of = (name: string) => fields.flatMap(([, field, value]) => (field === name ? [value as string] : []));
  return { event: of("event").at(-1) ?? "message", data: of("data").join("\n") };
}
