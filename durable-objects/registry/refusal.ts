/** Why the registry does not do what it was asked. */
export interface Refusal {
  expected: string;
  received: string;
}
