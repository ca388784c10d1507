/** A prediction with the label that it should have been, both as indexes of the model's labels. */
export interface Prediction {
  predicted: number;
  label: number;
}

/** The labels whose risks are tested one by one, among all labels of the model. */
export interface ClassRisks {
  labels: readonly string[];
  perClass: readonly string[];
}

/** One share of errors that must be below the target. */
export interface RiskTest {
  /** What the share is of, for a reason: "the error of accepted answers". */
  name: string;
  /** How many tests share the level with this one. */
  sharedBy: number;
  /** Counts an answer as an error (1) or not (0); null leaves it out. */
  count(answer: Prediction, isAccepted: boolean): 0 | 1 | null;
}

/** A test of one class. */
export interface ClassTest extends RiskTest {
  by: "predicted" | "true";
  /** The class, as an index of the model's labels. */
  label: number;
}

/** The error of all accepted answers. */
export const overallRisk: RiskTest = {
  name: "the error of accepted answers",
  sharedBy: 1,
  count: ({ predicted, label }, isAccepted) => (isAccepted ? errorOf(predicted !== label) : null),
};

/**
 * Lists the tests of each class: the share wrong among accepted answers with that label, and the share of questions with
 * that true label that are accepted as something else. Each is tested at delta/K for the K tests of this list (Bonferroni),
 * so all class risks hold together with confidence 1 − delta. The overall risk keeps delta: it is a statement of its own.
 */
export function classTests({ labels, perClass }: ClassRisks): ClassTest[] {
  const sharedBy = 2 * perClass.length;
  return perClass.flatMap((name): ClassTest[] => {
    const c = labels.indexOf(name);
    return [
      {
        ...{ by: "predicted", label: c, sharedBy, name: `the error of accepted answers '${name}'` },
        count: ({ predicted, label }, isAccepted) => (isAccepted && predicted === c ? errorOf(label !== c) : null),
      },
      {
        ...{ by: "true", label: c, sharedBy, name: `the share of questions of class '${name}' accepted as another` },
        count: ({ predicted, label }, isAccepted) => (label === c ? errorOf(isAccepted && predicted !== c) : null),
      },
    ];
  });
}

function errorOf(isError: boolean): 0 | 1 {
  return isError ? 1 : 0;
}
