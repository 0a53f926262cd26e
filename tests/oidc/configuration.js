/** What the provider is configured with, and the keys it signs with. */
import { generateKeyPairSync, randomBytes } from "node:crypto";

import { codeConfirmed, codeForm, codeQuestion, problem } from "./pages.js";

/** The options of a provider. */
export const DEFAULTS = {
  /** How long an access token is good, in seconds. */
  accessTokenTtl: 300,
  /** The one client: public and native, sent back to http://127.0.0.1:ANY/callback. */
  clientId: "offhook",
  /** What the access tokens are for: they are JWTs (ES256, RFC 9068) with this audience. */
  resource: "https://voice.example.com/",
  /** The scope of that resource. */
  scope: "offhook.call",
  /** Whether a request that names no resource (RFC 8707) is one for `resource`. */
  defaultResource: false,
  /** Whether tokens are bound to the key of a request that proves one (RFC 9449). */
  dpop: true,
  /** Whether a request without such a proof is refused. */
  requireDpop: false,
  /** Whether a proof has to have a nonce of the provider's. */
  requireNonce: false,
  /** Whether devices without a browser may ask for tokens (RFC 8628). */
  deviceFlow: true,
};

const DEVICE = "urn:ietf:params:oauth:grant-type:device_code";

/** Secrets that outlive a provider whose keys are rotated. */
const COOKIE_KEYS = [randomBytes(32).toString("hex")];
const NONCE_SECRET = randomBytes(32);

export function configuration(options, keys, adapter, errors) {
  const grantTypes = ["authorization_code", "refresh_token"];
  return {
    adapter,
    jwks: { keys },
    clients: [
      {
        client_id: options.clientId,
        client_name: "Offhook",
        application_type: "native",
        token_endpoint_auth_method: "none",
        redirect_uris: ["http://127.0.0.1/callback"],
        response_types: ["code"],
        grant_types: options.deviceFlow ? [...grantTypes, DEVICE] : grantTypes,
        ...(options.dpop ? { dpop_bound_access_tokens: options.requireDpop } : {}),
      },
    ],
    claims: { openid: ["sub"], email: ["email"], profile: ["name", "preferred_username"] },
    // Those who have no access token for the provider itself read the claims in the ID token.
    conformIdTokenClaims: false,
    cookies: { keys: COOKIE_KEYS },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: {
        enabled: options.deviceFlow,
        userCodeInputSource: codeForm,
        userCodeConfirmSource: codeQuestion,
        successSource: codeConfirmed,
      },
      dPoP: {
        enabled: options.dpop,
        nonceSecret: NONCE_SECRET,
        requireNonce: () => options.requireNonce,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_context, _client, oneOf) =>
          oneOf ?? (options.defaultResource ? options.resource : undefined),
        // A refresh need not name it again.
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, indicator) => {
          if (indicator !== options.resource) {
            throw new errors.InvalidTarget();
          }
          return {
            audience: options.resource,
            scope: options.scope,
            accessTokenTTL: options.accessTokenTtl,
            accessTokenFormat: "jwt",
            jwt: { sign: { alg: "ES256" } },
          };
        },
      },
      revocation: { enabled: true },
    },
    findAccount: (_context, id) => ({ accountId: id, claims: () => claims(id) }),
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    // What was granted before counts for nothing: each sign-in is asked for all of it.
    loadExistingGrant: ({ oidc }) =>
      oidc.result?.consent === undefined
        ? undefined
        : oidc.provider.Grant.find(oidc.result.consent.grantId),
    pkce: { required: () => true },
    renderError: problem,
    rotateRefreshToken: true,
    ttl: {
      AccessToken: options.accessTokenTtl,
      AuthorizationCode: 60,
      DeviceCode: 600,
      Grant: 86_400,
      IdToken: 3_600,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
  };
}

/** Whoever signs in is called as they say. */
function claims(login) {
  return {
    sub: login,
    email: `${login}@example.com`,
    name: login,
    preferred_username: login,
  };
}

/** Generations of keys, the newest first: of several that fit, the provider signs with the first. */
export class Keys {
  #generations = [generation()];

  rotate() {
    this.#generations.unshift(generation());
  }

  retire() {
    this.#generations.length = 1;
  }

  all() {
    return this.#generations.flat();
  }

  ids() {
    return this.all().map(({ kid }) => kid);
  }
}

/** One key for access tokens, and one for ID tokens. */
function generation() {
  const pairs = {
    ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
    RS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  };
  return Object.entries(pairs).map(([alg, { privateKey }]) => ({
    ...privateKey.export({ format: "jwk" }),
    alg,
    kid: randomBytes(8).toString("hex"),
    use: "sig",
  }));
}
