// Types of the decoder modules without the code that fetches their binaries; the packages have none.
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
