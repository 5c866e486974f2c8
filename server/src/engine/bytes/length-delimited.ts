import { BinaryWriter } from '@bufbuild/protobuf/wire';

/** The chunks of a message field in front of which its tag and length stand. */
export function lengthDelimited(fieldNumber: number, chunks: readonly Uint8Array[]): Uint8Array[] {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const head = new BinaryWriter()
    .uint32((fieldNumber << 3) | 2)
    .uint32(length)
    .finish();
  return [head, ...chunks];
}
