/** The release, as in package.json; `test/core/release.test.ts` compares them. */
export const release = "0.2.0";
