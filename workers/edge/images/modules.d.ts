// Types of the decoder module without the code that fetches their binaries; the package has none.
declare module "@jsquash/webp/codec/dec/webp_dec.js" {
  interface Decoded {
    width: number;
    height: number;
    data: Uint8ClampedArray;
  }
  export default function create(options: object): Promise<{
    decode(bytes: ArrayBuffer): Decoded | null;
  }>;
}
