// The decoders alone, without the glue that fetches their binaries: packages ship them without these types.
declare module "@jsquash/*_dec.js" {
  interface Decoded {
    width: number;
    height: number;
    data: Uint8ClampedArray;
  }
  export default function create(options: object): Promise<{
    decode(bytes: ArrayBuffer, preserveOrientation?: boolean): Decoded | null;
  }>;
}
