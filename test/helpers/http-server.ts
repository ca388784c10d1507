export { startServer } from "#scripts/local/http-server.ts";
