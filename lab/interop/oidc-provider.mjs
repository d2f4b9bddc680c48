// The authorization server `oidc-provider`, set up for `cargo xtask interop`: loopback, in memory, single-use refresh
// tokens whose reuse ends the family, JWT access tokens for the resources it is asked for. It says where it listens in
// one line of JSON, then one line for each grant, refusal and family that ended, and ends with its standard input.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const settings = JSON.parse(process.env.INTEROP_SETTINGS);

const server = createServer((request, response) => handle(request, response));
let handle;
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration(issuer));
  provider.on('server_error', (_context, error) => console.error(error));
  const tell = (event) => (context) =>
    console.log(JSON.stringify({ event, grant: context?.oidc?.params?.grant_type ?? null }));
  provider.on('grant.success', tell('granted'));
  provider.on('grant.error', tell('refused'));
  provider.on('grant.revoked', tell('ended'));
  handle = provider.callback();
  console.log(JSON.stringify({ event: 'listening', issuer }));
});
process.stdin.resume().on('end', () => process.exit(0));

function configuration(issuer) {
  const native = {
    application_type: 'native',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    response_types: ['code'],
  };
  return {
    clients: [
      { ...native, client_id: 'app', token_endpoint_auth_method: 'none' },
      { ...native, client_id: 'pushes', token_endpoint_auth_method: 'none', require_pushed_authorization_requests: true },
      {
        client_id: settings.client_id,
        client_secret: settings.client_secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    cookies: { keys: ['interop'] },
    scopes: ['openid', 'offline_access', 'read', 'write'],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
    ttl: {
      AccessToken: settings.lifetime,
      ClientCredentials: settings.lifetime,
      DeviceCode: settings.device_lifetime,
      RefreshToken: 86400,
      Grant: 86400,
      IdToken: 3600,
      Interaction: 600,
      Session: 86400,
    },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      pushedAuthorizationRequests: { enabled: true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, resource) => ({
          audience: resource,
          scope: 'read write',
          accessTokenFormat: 'jwt',
          accessTokenTTL: settings.lifetime,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  };
}
