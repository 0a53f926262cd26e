/** What a test makes the provider do, and what it has seen. */

/** How the provider's endpoints are called here. */
const TOKEN = "/token";
const REVOCATION = "/token/revocation";

export class Control {
  /** What has happened so far. */
  counts = {
    /** Answers that began a grant, by code or by device. */
    signIns: 0,
    /** Answers to a refresh token, by the grant's id. */
    refreshes: {},
    /** Refresh tokens that came a second time; each has revoked its grant. */
    reuses: 0,
    /** Requests to the revocation endpoint (RFC 7009). */
    revocations: 0,
    /** Grants that these have revoked. */
    revoked: 0,
    /** Requests to the token endpoint, whatever became of them. */
    tokenRequests: 0,
    /** Those of them that were refused by order. */
    refused: 0,
    /** Answers that were lost by order. */
    lost: 0,
    /** Answers that are being held. */
    held: 0,
  };

  #toLose = 0;
  #refusal = { status: 503, count: 0 };
  #release = undefined;
  #released = Promise.resolve();
  #grants = new Set();

  loseAnswers(count) {
    this.#toLose = count;
  }

  refuse(refusal) {
    this.#refusal = { ...refusal };
  }

  hold() {
    if (this.#release === undefined) {
      this.#released = new Promise((resolve) => {
        this.#release = resolve;
      });
    }
  }

  release() {
    this.#release?.();
    this.#release = undefined;
  }

  /** Notes a grant that somebody has given. */
  granted(id) {
    this.#grants.add(id);
  }

  async revokeAll(provider) {
    for (const id of this.#grants) {
      const kinds = ["AccessToken", "AuthorizationCode", "DeviceCode", "RefreshToken"];
      await Promise.all(kinds.map((kind) => provider[kind].revokeByGrantId(id)));
      await (await provider.Grant.find(id))?.destroy();
    }
    this.#grants.clear();
  }

  /** Counts what a provider does, and comes between it and its clients. */
  watch(provider) {
    provider.on("grant.success", (context) => this.#succeeded(context));
    provider.on("grant.revoked", (context) => this.#revoked(context));
    provider.use((context, next) => {
      if (context.method === "POST" && context.path === TOKEN) {
        return this.#token(context, next);
      }
      this.counts.revocations += Number(context.path === REVOCATION);
      return next();
    });
  }

  async #token(context, next) {
    this.counts.tokenRequests += 1;
    if (this.#refusal.count > 0) {
      this.#refusal.count -= 1;
      this.counts.refused += 1;
      context.status = this.#refusal.status;
      context.body = "";
      if (this.#refusal.retryAfter !== undefined) {
        context.set("Retry-After", String(this.#refusal.retryAfter));
      }
      return;
    }
    await next();
    if (context.status !== 200) {
      return;
    }
    this.counts.held += 1;
    await this.#released;
    this.counts.held -= 1;
    if (this.#toLose > 0) {
      this.#toLose -= 1;
      this.counts.lost += 1;
      context.respond = false;
      context.req.socket.destroy();
    }
  }

  #succeeded({ oidc }) {
    if (oidc.params.grant_type === "refresh_token") {
      const { grantId } = oidc.entities.RefreshToken;
      this.counts.refreshes[grantId] = (this.counts.refreshes[grantId] ?? 0) + 1;
    } else {
      this.counts.signIns += 1;
    }
  }

  #revoked({ oidc }) {
    this.counts.revoked += Number(oidc.route === "revocation");
    this.counts.reuses += Number(oidc.params.grant_type === "refresh_token");
  }
}
