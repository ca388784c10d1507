/** With fewer samples no head can tell which label is wrong: none is a suspect. */
export const suspectsLeast = 20;
/** The newest samples that are looked through, and the suspects that are listed, sent at a time, and with people at a time. */
export const suspectsLookMax = 5_000;
export const suspectsMax = 100;
