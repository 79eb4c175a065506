// oidc-provider, set up for what `benchmarks/peer.py` measures. Its store is in memory.
//
// It reads the public key of its only client, a JWK, from standard input. Once it listens, it prints a line of JSON with
// its address, its issuer and a refresh token.
import { generateKeyPairSync } from 'node:crypto'
import { text } from 'node:stream/consumers'
import Provider from 'oidc-provider'

const API = 'https://api.example'
const DAY_SECONDS = 24 * 3600
const ALGORITHM = 'PS512'

const publicKey = JSON.parse(await text(process.stdin))
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

const provider = new Provider('http://127.0.0.1', {
  clients: [
    {
      client_id: 'app',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['https://app.example/return'],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: ALGORITHM,
      id_token_signed_response_alg: ALGORITHM,
      jwks: { keys: [publicKey] },
    },
  ],
  enabledJWA: { clientAuthSigningAlgValues: [ALGORITHM], idTokenSigningAlgValues: [ALGORITHM] },
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => API,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'read',
        audience: API,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: ALGORITHM } },
      }),
    },
  },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: ALGORITHM }] },
  rotateRefreshToken: true,
  ttl: { AccessToken: DAY_SECONDS, Grant: DAY_SECONDS, RefreshToken: DAY_SECONDS },
})

const grant = new provider.Grant({ accountId: 'person', clientId: 'app' })
grant.addOIDCScope('offline_access')
grant.addResourceScope(API, 'read')
const token = new provider.RefreshToken({
  accountId: 'person',
  client: await provider.Client.find('app'),
  grantId: await grant.save(),
  gty: 'authorization_code',
  resource: API,
  scope: 'offline_access read',
})
const refreshToken = await token.save()
const server = provider.listen(0, '127.0.0.1', () => {
  const address = `http://127.0.0.1:${server.address().port}`
  console.log(JSON.stringify({ address, issuer: provider.issuer, refresh_token: refreshToken }))
})
