import { _fusedMatMulConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/_FusedMatMul.js";
import { addConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Add.js";
import { batchMatMulConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/BatchMatMul.js";
import { fillConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Fill.js";
import { identityConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Identity.js";
import { multiplyConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Multiply.js";
import { powConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Pow.js";
import { realDivConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/RealDiv.js";
import { reluConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Relu.js";
import { reshapeConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Reshape.js";
import { sigmoidConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Sigmoid.js";
import { softmaxConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Softmax.js";
import { sqrtConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Sqrt.js";
import { squareConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Square.js";
import { subConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Sub.js";
import { sumConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Sum.js";
import { tanhConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Tanh.js";
import { transposeConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/Transpose.js";
import { zerosLikeConfig } from "@tensorflow/tfjs-backend-wasm/dist/kernels/ZerosLike.js";

/** Every kernel the worker bundle carries: dense layers, their activations, and what the head's optimiser needs. */
export const kernels = [
  _fusedMatMulConfig,
  addConfig,
  batchMatMulConfig,
  fillConfig,
  identityConfig,
  multiplyConfig,
  powConfig,
  realDivConfig,
  reluConfig,
  reshapeConfig,
  sigmoidConfig,
  softmaxConfig,
  sqrtConfig,
  squareConfig,
  subConfig,
  sumConfig,
  tanhConfig,
  transposeConfig,
  zerosLikeConfig,
];
