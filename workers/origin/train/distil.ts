/** Softens scores [rows, classes] by a temperature: softmax(log p / T), as if their logits had been divided by T. */
export function softenScores(scores: Float32Array, classes: number, temperature: number): Float32Array {
  const out = new Float32Array(scores.length);
  for (let row = 0; row < scores.length; row += classes) {
    let sum = 0;
    for (let i = row; i < row + classes; i++) sum += out[i] = (scores[i] as number) ** (1 / temperature);
    for (let i = row; i < row + classes; i++) out[i] = (out[i] as number) / sum;
  }
  return out;
}
