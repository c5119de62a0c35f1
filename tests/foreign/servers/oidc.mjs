// An OAuth server that other people wrote (`oidc-provider`), with clients that prove themselves in every way, and a small
// API behind it. The API looks tokens up in the provider and checks proofs of possession with `jose`, as RFC 9449,
// sections 4.3 and 7, says.
//
// Prints one line when it is ready: `listening`, then JSON with the address and the clients' private halves. Keys are made
// at start; nothing here is worth keeping.

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import * as jose from 'jose';
import { Provider } from 'oidc-provider';

const SCOPES = 'users:read groups:read';
const SECRET = "s3cr3t: +%/&=?#'\"\\~";

const keyPair = async (alg, kid) => {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const registered = { ...(await jose.exportJWK(publicKey)), kid, alg, use: 'sig' };
  return { registered, jwk: { ...(await jose.exportJWK(privateKey)), kid }, pem: await jose.exportPKCS8(privateKey) };
};

const keys = {
  rsa: await keyPair('RS256', 'rsa-key'),
  p256: await keyPair('ES256', 'p256-key'),
  p384: await keyPair('ES384', 'p384-key'),
};

const client = (client_id, rest) => ({
  client_id, grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: SCOPES, ...rest,
});
const signing = (name, alg, rest) => client(name, {
  token_endpoint_auth_method: 'private_key_jwt',
  token_endpoint_auth_signing_alg: alg,
  jwks: { keys: Object.values(keys).map(({ registered }) => registered).filter((key) => key.alg === alg) },
  ...rest,
});

let handle;
const server = createServer((request, response) => handle(request, response));
await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });
const origin = `http://127.0.0.1:${server.address().port}`;
const resource = `${origin}/api`;

const provider = new Provider(origin, {
  clients: [
    signing('rsa', 'RS256'),
    signing('p256', 'ES256'),
    signing('p384', 'ES384'),
    signing('bound', 'ES256', { dpop_bound_access_tokens: true }),
    client('narrow', { token_endpoint_auth_method: 'client_secret_post', client_secret: SECRET, scope: 'users:read' }),
    client('post', { token_endpoint_auth_method: 'client_secret_post', client_secret: SECRET }),
    client('basic: +%&', { token_endpoint_auth_method: 'client_secret_basic', client_secret: SECRET }),
  ],
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'ES256', 'ES384'] },
  clientBasedCORS: () => false,
  scopes: SCOPES.split(' '),
  ttl: { ClientCredentials: 600 },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      getResourceServerInfo: (_context, audience) => ({
        scope: audience === resource ? SCOPES : 'users:read', audience, accessTokenFormat: 'opaque',
      }),
    },
  },
  jwks: { keys: [{ ...keys.rsa.jwk, kid: 'provider' }] },
});
const authorize = provider.callback();

let nonce = randomUUID();
const proofs = new Set();

class Refused extends Error {
  constructor(status, challenge, headers = {}) {
    super(challenge);
    this.answer = [status, { 'www-authenticate': challenge, ...headers }];
  }
}

const hash = (text) => createHash('sha256').update(text).digest('base64url');

const proved = async (request, path, token, jkt) => {
  const bad = (why) => { throw new Refused(401, `DPoP error="invalid_dpop_proof", error_description="${why}"`); };
  const sent = request.headersDistinct.dpop ?? [];
  if (sent.length !== 1) bad(`${sent.length} proofs`);
  const { payload, protectedHeader } = await jose
    .jwtVerify(sent[0], jose.EmbeddedJWK, { typ: 'dpop+jwt', algorithms: ['ES256'] })
    .catch((error) => bad(error.code));
  if ('d' in protectedHeader.jwk) bad('a private key');
  if (await jose.calculateJwkThumbprint(protectedHeader.jwk) !== jkt) bad('another key');
  if (payload.htm !== request.method) bad('htm');
  if (payload.htu !== origin + path) bad('htu');
  if (payload.ath !== hash(token)) bad('ath');
  if (Math.abs(Date.now() / 1000 - payload.iat) > 60) bad('iat');
  if (payload.nonce !== nonce) {
    throw new Refused(401, 'DPoP error="use_dpop_nonce", error_description="nonce"', { 'dpop-nonce': nonce });
  }
  if (!payload.jti || proofs.has(payload.jti)) bad('jti');
  proofs.add(payload.jti);
};

const api = async (request, path) => {
  const [scheme, token] = (request.headers.authorization ?? '').split(' ');
  const found = token && await provider.ClientCredentials.find(token);
  if (!found || !found.isValid) throw new Refused(401, 'Bearer error="invalid_token"');
  if (found.aud !== resource) throw new Refused(401, 'Bearer error="invalid_token", error_description="audience"');
  if (found.jkt ? scheme !== 'DPoP' : scheme !== 'Bearer') throw new Refused(401, 'DPoP error="invalid_token"');
  if (found.jkt) await proved(request, path, token, found.jkt);
  const answer = { client: found.clientId, scope: found.scope, bound: Boolean(found.jkt) };
  switch (path) {
    case '/api/users':
      return [200, {}, answer];
    case '/api/announce': // the next nonce, in an answer that is good
      nonce = randomUUID();
      return [200, { 'dpop-nonce': nonce }, answer];
    case '/api/forget': // the next nonce, unsaid
      nonce = randomUUID();
      return [200, {}, answer];
    case '/api/revoke':
      await found.destroy();
      return [200, {}, answer];
    default:
      return [404, {}, {}];
  }
};

handle = async (request, response) => {
  const { pathname } = new URL(request.url, origin);
  if (!pathname.startsWith('/api/')) return authorize(request, response);
  const [status, headers, body] = await api(request, pathname).catch((error) => {
    if (error instanceof Refused) return error.answer;
    console.error(error);
    return [500, {}];
  });
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  return response.end(JSON.stringify(body ?? {}));
};

const told = { origin, secret: SECRET, rsa: keys.rsa.pem, p256: keys.p256.jwk, p384: keys.p384.pem };
console.log(`listening ${JSON.stringify(told)}`);
