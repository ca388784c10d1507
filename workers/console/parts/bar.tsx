/** A bar for a share; the number is shown beside it. */
export function Bar({ share, kind = "plain" }: { share: number; kind?: string }) {
  return (
    <span class="bar" aria-hidden="true">
      <span class={`fill ${kind}`} style={{ width: `${Math.max(0, Math.min(1, share)) * 100}%` }} />
    </span>
  );
}
