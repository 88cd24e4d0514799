import type { Endpoint } from "./endpoint.ts";
import { dropDeadLetter, listDeadLetters, replayDeadLetter } from "./routes/deadLetters.ts";
import { getDecision, listDecisions } from "./routes/decisions.ts";
import { streamEvents } from "./routes/events.ts";
import { getHealth, getMetrics, getReadiness } from "./routes/health.ts";
import { listModels } from "./routes/models.ts";
import { getOpenapi } from "./routes/openapi.ts";
import { listQueues } from "./routes/queues.ts";
import { listRebalances } from "./routes/rebalances.ts";
import { giveStop, listStops } from "./routes/stops.ts";
import { getVaultNow, listVaults } from "./routes/vaults.ts";

/** Every route there is; the specification, the router and the tests loop over it. */
export const ENDPOINTS: readonly Endpoint[] = [
  listVaults,
  getVaultNow,
  listDecisions,
  getDecision,
  listRebalances,
  listModels,
  listQueues,
  listDeadLetters,
  replayDeadLetter,
  dropDeadLetter,
  listStops,
  giveStop,
  streamEvents,
  getHealth,
  getReadiness,
  getMetrics,
  getOpenapi,
];
