/** Tells whether a response redirects. A browser hides the status of a redirect that is not followed. */
export function isRedirect({ status }: Pick<Response, "status">): boolean {
  return status === 0 || (status >= 300 && status < 400 && status !== 304);
}
