/**
 * The events of a text/event-stream body, as the standard reads it; comments are events without data.
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<{ event: string, data: string, id: string | undefined }>}
 */
export async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let event = emptyEvent();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === '') {
          if (event.lines.length > 0) {
            yield { event: event.name, data: event.lines.join('\n'), id: event.id };
          }
          event = emptyEvent();
        } else addLine(event, line);
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function emptyEvent() {
  return { name: 'message', lines: [], id: undefined };
}

function addLine(event, line) {
  const colon = line.indexOf(':');
  if (colon === 0) return;
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (name === 'event') event.name = value;
  else if (name === 'data') event.lines.push(value);
  else if (name === 'id') event.id = value;
}
