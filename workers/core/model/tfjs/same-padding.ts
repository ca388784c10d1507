import * as tf from "@tensorflow/tfjs-core";

const backendName = "wasm";
const convolutions = [tf.Conv2D, tf.DepthwiseConv2dNative, tf.FusedConv2D, tf.FusedDepthwiseConv2D];

interface ConvolutionAttrs {
  strides: number | [number, number];
  pad: unknown;
  dilations?: number | [number, number] | null;
  dataFormat?: string;
  dimRoundingMode?: "floor" | "round" | "ceil";
}

/**
 * Corrects the convolutions of the WASM backend, which return zeros for `same` padding where a stride passes over the end
 * of the input, as with a 3×1 kernel and stride 2 (tfjs#6629): its padding is negative there, and the backend does not
 * expect that. They receive the same padding as numbers instead. Call it before the backend starts.
 */
export function correctSamePadding(): void {
  for (const kernelName of convolutions) {
    const kernel = tf.getKernel(kernelName, backendName);
    if (!kernel) continue;
    const isDepthwise = kernelName === tf.DepthwiseConv2dNative || kernelName === tf.FusedDepthwiseConv2D;
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({
      ...kernel,
      kernelFunc: (args) => {
        const { x, filter } = args.inputs as unknown as { x: tf.TensorInfo; filter: tf.TensorInfo };
        const pad = explicitPadding(x.shape, filter.shape, args.attrs as unknown as ConvolutionAttrs, isDepthwise);
        return kernel.kernelFunc(pad ? { ...args, attrs: { ...args.attrs, pad } } : args);
      },
    });
  }
}

/** Returns `same` padding as numbers where it would be negative; null for every other convolution. */
function explicitPadding(
  shape: number[],
  filter: number[],
  { strides, pad, dilations, dimRoundingMode }: ConvolutionAttrs,
  isDepthwise: boolean,
): number[][] | null {
  if (pad !== "same") return null;
  const info = tf.backend_util.computeConv2DInfo(
    shape as [number, number, number, number],
    filter as [number, number, number, number],
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    isDepthwise,
  );
  const down = (info.outHeight - 1) * info.strideHeight + info.effectiveFilterHeight - info.inHeight;
  const right = (info.outWidth - 1) * info.strideWidth + info.effectiveFilterWidth - info.inWidth;
  if (down >= 0 && right >= 0) return null;
  const { top, bottom, left, right: after } = info.padInfo;
  return [
    [0, 0],
    [top, bottom],
    [left, after],
    [0, 0],
  ];
}
