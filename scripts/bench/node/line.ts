import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A line of TCP connections to a port of this machine, which can be cut. */
export interface Line {
  url: string;
  /** Breaks every connection, and takes no other until the line is joined. */
  cut: () => void;
  join: () => void;
  stop: () => void;
}

export async function startLine(port: number): Promise<Line> {
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer((below) => {
    if (isCut) return void below.destroy();
    const above = connect(port, "127.0.0.1");
    for (const [own, other] of [
      [below, above],
      [above, below],
    ] as const) {
      open.add(own);
      own.on("error", () => own.destroy());
      own.on("close", () => {
        open.delete(own);
        other.destroy();
      });
      own.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const breakAll = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      isCut = true;
      breakAll();
    },
    join: () => {
      isCut = false;
    },
    stop: () => {
      breakAll();
      server.close();
    },
  };
}
