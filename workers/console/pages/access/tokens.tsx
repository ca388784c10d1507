import { useState } from "preact/hooks";
import type { IssuedToken, TokenRecord, UpriverClient } from "#client/index.ts";
import { Confirm } from "#console/parts/confirm.tsx";
import { Badge, Empty, Loaded } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { usePolled } from "#console/polled.ts";
import { moment } from "#core/format.ts";

const everyMs = 15_000;
const columns = columnsOf("Token", "Scopes", "Models and regions", "State", "Last used", "~Actions");

/** The tokens that the deployment issued, each with a way to rotate and revoke it. */
export function TokenTable({ client, own }: { client: UpriverClient; own: string }) {
  const live = usePolled("tokens", () => client.tokens(), everyMs);
  const [issued, setIssued] = useState<IssuedToken | null>(null);
  const rotate = async (id: string) => {
    setIssued(await client.rotateToken(id));
    live.reload();
  };
  const revoke = async (id: string) => {
    await client.revokeToken(id);
    live.reload();
  };
  return (
    <>
      {issued && (
        <div class="notice" role="status">
          <p>The new secret of {issued.record.id}, shown only now; the old one is valid for a day:</p>
          <p>
            <code>{issued.token}</code>
          </p>
        </div>
      )}
      <Loaded of={live}>
        {(tokens) =>
          tokens.length === 0 ? (
            <Empty title="No token was issued yet.">
              <p>
                Those in the secret UPRIVER_TOKENS are not listed. Make one:{" "}
                <code>npx upriver token create app --scopes ask,teach</code>
              </p>
            </Empty>
          ) : (
            <DataTable caption="The tokens of this deployment" columns={columns}>
              {tokens.map((token) => (
                <tr key={token.id} data-token={token.id}>
                  <th scope="row">
                    {token.id} {token.id === own && <small>this page's</small>}
                  </th>
                  <td data-label="Scopes">{token.scopes.join(", ")}</td>
                  <td data-label="Models and regions">{reachOf(token)}</td>
                  <td data-label="State">
                    <State token={token} />
                  </td>
                  <td data-label="Last used">{moment(token.lastUsedAt)}</td>
                  <td class="actions">
                    {token.revokedAt === null && (
                      <>
                        <Confirm
                          label="Rotate"
                          what={`Token ${token.id} gets a new secret, which is shown once. The old one stays valid for a day.`}
                          onConfirm={() => rotate(token.id)}
                        />{" "}
                        <Confirm
                          label="Revoke"
                          kind="danger"
                          what={`Token ${token.id} will be refused everywhere within 30 seconds. This can't be undone.`}
                          onConfirm={() => revoke(token.id)}
                        />
                      </>
                    )}
                  </td>
                </tr>
              ))}
            </DataTable>
          )
        }
      </Loaded>
    </>
  );
}

function reachOf({ models, regions }: TokenRecord): string {
  const of = (names: readonly string[], what: string) => (names.includes("*") ? `all ${what}` : names.join(", "));
  return `${of(models, "models")}; ${of(regions, "regions")}`;
}

function State({ token: { revokedAt, expiresAt, oldValidUntil } }: { token: TokenRecord }) {
  const now = Date.now();
  if (revokedAt !== null) return <span class="muted">revoked on {moment(revokedAt)}</span>;
  if (expiresAt !== null && expiresAt <= now) return <Badge kind="warn">expired</Badge>;
  return (
    <>
      <Badge kind="good">valid</Badge> {expiresAt !== null && <small>until {moment(expiresAt)}</small>}
      {oldValidUntil !== null && oldValidUntil > now && <small>the old secret until {moment(oldValidUntil)}</small>}
    </>
  );
}
