// A Bun (or Node) server that never starts half-configured: it reads plain environment variables,
// and `cofferdam run` sets them or does not start it.
//
//     cofferdam run -e production -- bun server.ts
import { createServer } from "node:http";

const { DATABASE_URL, PORT } = process.env;
const server = createServer((_request, response) => response.end(`ready: ${DATABASE_URL ? "yes" : "no"}\n`));
server.listen(Number(PORT), () => console.log(`listening on ${PORT}`));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
