/**
 * An OpenID provider for tests: `node provider.js '{"requireNonce":true}'` runs oidc-provider on a
 * free loopback port and prints `listening on http://127.0.0.1:PORT`. That address is the issuer; everything is kept in memory. The options, all of which may
 * be left out, are those of DEFAULTS in configuration.js.
 *
 * People sign in with a name alone, without a password; pages.js has the ids of what they click.
 *
 * Tests control it by requests to the same port. Each is a POST with a JSON object, and answered
 * when it holds. An "answer" is one of the token endpoint that has tokens in it; what it refuses by
 * itself is not one, so that a nonce that is asked for or a device that is not confirmed yet uses
 * up nothing.
 *
 * - `POST /control/lose-answer` `{count}`: the next answers are worked out, rotation included, and
 *   the connection is broken off before their first byte.
 * - `POST /control/refuse` `{status, count, retryAfter}`: the next requests to the token endpoint
 *   get this status and change nothing. `retryAfter`, in seconds, may be left out.
 * - `POST /control/hold`: answers are worked out and kept back until `POST /control/release`. Those
 *   that are to be lost are lost then.
 * - `POST /control/revoke-all`: every grant is revoked, as by an administrator. Access tokens that
 *   are JWTs stay good until they expire.
 * - `POST /control/rotate-keys`: answers `{kids}`: new keys sign from now on; the old ones are still
 *   published. The provider cannot change its keys, so that another one takes over with the same
 *   address and memory.
 * - `POST /control/retire-keys`: answers `{kids}`: only the newest keys are still published.
 * - `GET /control/counts`: what has happened so far; see `counts` in control.js.
 */
import { createServer } from "node:http";
import { argv, stderr, stdout } from "node:process";
import { text } from "node:stream/consumers";

import { Provider, errors } from "oidc-provider";
import { createMemoryAdapter } from "oidc-provider/lib/adapters/memory_adapter.js";

import { DEFAULTS, Keys, configuration } from "./configuration.js";
import { Control } from "./control.js";
import { interaction } from "./pages.js";

const options = { ...DEFAULTS, ...JSON.parse(argv[2] ?? "{}") };
const memory = createMemoryAdapter();
const keys = new Keys();
const control = new Control();
let provider;
let answerByProvider;

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    stderr.write(`${request.method} ${path(request)}: ${error.stack}\n`);
    // An interaction that is over or of another browser is the one mistake a test can make.
    const status = error instanceof errors.SessionNotFound ? 400 : 500;
    response.writeHead(status).end();
  });
});
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  takeOver(issuer);
  stdout.write(`listening on ${issuer}\n`);
});

/** Makes a provider that goes on with the memory of the one before, and with the keys of now. */
function takeOver(issuer) {
  provider = new Provider(issuer, configuration(options, keys.all(), memory, errors));
  control.watch(provider);
  answerByProvider = provider.callback();
}

async function answer(request, response) {
  const [, first, second] = path(request).split("/");
  if (first === "control") {
    await order(request, response, second);
  } else if (first === "interaction") {
    await interaction(provider, control, request, response);
  } else {
    answerByProvider(request, response);
  }
}

async function order(request, response, name) {
  const body = await text(request);
  const values = body === "" ? {} : JSON.parse(body);
  const orders = {
    "POST lose-answer": () => control.loseAnswers(values.count),
    "POST refuse": () => control.refuse(values),
    "POST hold": () => control.hold(),
    "POST release": () => control.release(),
    "POST revoke-all": () => control.revokeAll(provider),
    "POST rotate-keys": () => {
      keys.rotate();
      takeOver(provider.issuer);
      return { kids: keys.ids() };
    },
    "POST retire-keys": () => {
      keys.retire();
      takeOver(provider.issuer);
      return { kids: keys.ids() };
    },
    "GET counts": () => control.counts,
  };
  const carryOut = orders[`${request.method} ${name}`];
  if (carryOut === undefined) {
    response.writeHead(404).end();
    return;
  }
  const outcome = (await carryOut()) ?? {};
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(outcome));
}

/** Without the query, which holds codes. */
function path(request) {
  return request.url.split("?")[0];
}
