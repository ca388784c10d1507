/** Questions without labels: the scores [classes] of each by the global head, and how many questions each stands for. */
export interface UnlabelledQuestions {
  scores: readonly ArrayLike<number>[];
  weights: readonly number[];
}

/** The class priors of a region, and the bias that corrects the logits of a head for them. */
export interface LabelShift {
  /** One per class. */
  priors: Float64Array;
  /** One per class, to add to logits. */
  bias: Float64Array;
  /** How many equally weighted questions say as much (Kish's effective sample size). */
  questions: number;
}

/** How many questions the priors of training are worth. A day's questions depend on each other: few of them say little. */
const priorQuestions = 100;
const iterations = 200;
const precision = 1e-7;

/**
 * Estimates the class priors of a region from its questions without labels, by the EM algorithm of Saerens, Latinne &
 * Decaestecker ("Adjusting the outputs of a classifier to new a priori probabilities", 2002). It assumes that each class
 * looks the same everywhere and only its frequency differs. The priors of training count as `priorQuestions` further
 * questions (a Dirichlet prior), so that few questions move little.
 *
 * The assumption may be wrong, and then the correction harms: on 48 weather stations, where a rainy day looks different at
 * each, the global head with priors from a station's first month of questions lost 0.002 in log-loss in the year after it,
 * with those of half a year 0.011. So a corrected head only serves as far as labels confirm it; mixed with the global head
 * by the station's labels, its weight was 0.02 and it changed nothing (−0.0002 to +0.0000).
 *
 * @param trained the class priors that the head was trained under
 */
export function estimateLabelShift({ scores, weights }: UnlabelledQuestions, trained: ArrayLike<number>): LabelShift {
  const start = Float64Array.from(trained);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const squares = weights.reduce((sum, weight) => sum + weight ** 2, 0);
  const questions = squares > 0 ? total ** 2 / squares : 0;
  let priors = start;
  for (let i = 0; i < iterations && questions > 0; i++) {
    const shares = meanPosterior({ scores, weights }, ratiosOf(priors, start), total);
    const next = shares.map(
      (share, c) => (questions * share + priorQuestions * (start[c] as number)) / (questions + priorQuestions),
    );
    const change = Math.max(...next.map((share, c) => Math.abs(share - (priors[c] as number))));
    priors = next;
    if (change < precision) break;
  }
  return { priors, bias: ratiosOf(priors, start).map(Math.log), questions };
}

/** A class that training never saw has no ratio; its score stays. */
function ratiosOf(priors: Float64Array, trained: Float64Array): Float64Array {
  return priors.map((prior, c) => ((trained[c] as number) > 0 ? prior / (trained[c] as number) : 1));
}

/** The mean score of each class once the scores are corrected by the ratios of priors. */
function meanPosterior({ scores, weights }: UnlabelledQuestions, ratios: Float64Array, total: number): Float64Array {
  const mean = new Float64Array(ratios.length);
  for (const [row, weight] of weights.entries()) {
    const own = scores[row] as ArrayLike<number>;
    let sum = 0;
    for (let c = 0; c < ratios.length; c++) sum += (own[c] as number) * (ratios[c] as number);
    const share = sum > 0 ? weight / (sum * total) : 0;
    for (let c = 0; c < ratios.length; c++) {
      mean[c] = (mean[c] as number) + share * (own[c] as number) * (ratios[c] as number);
    }
  }
  return mean;
}
