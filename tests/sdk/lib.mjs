// What the walkthroughs share: the vendor's clients, configured by the environment, and traffic to look at.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import http from 'node:http';
import net from 'node:net';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const need = (name) => {
  assert.ok(process.env[name], `${name} must be set`);
  return process.env[name];
};

export const endpoint = need('OPENSLB_ENDPOINT'); // host:port
const protocol = process.env.OPENSLB_PROTOCOL ?? 'http';
const accessKeyId = need('OPENSLB_KEY_ID');
const accessKeySecret = need('OPENSLB_KEY_SECRET');
export const region = 'cn-hangzhou';
// Two web servers that answer with "one" and "two", and two UDP servers that answer "one:..." and "two:...".
export const servers = need('OPENSLB_SERVERS').split(',').map((s) => {
  const [name, ip, http_, udp] = s.split('/');
  return { name, ip, port: Number(http_), udp: Number(udp) };
});

// How long anything may take: the node's machine may stand still for seconds. Only a failure takes so long.
const PATIENCE_MS = 60000;

// The RPC client of the first generation: signature V1, everything in a form body.
const { RPCClient } = require('@alicloud/pop-core');
export function popCore(apiVersion) {
  const client = new RPCClient({ accessKeyId, accessKeySecret, endpoint: `${protocol}://${endpoint}`, apiVersion });
  return (action, params = {}) => client.request(action, { RegionId: region, ...params }, { method: 'POST', timeout: PATIENCE_MS });
}

// The generic client of today: signature V3.
const OpenApi = require('@alicloud/openapi-client');
const { RuntimeOptions } = require('@alicloud/tea-util');
const settings = {
  accessKeyId, accessKeySecret, endpoint, regionId: region, protocol,
  readTimeout: PATIENCE_MS, connectTimeout: PATIENCE_MS,
};
export function openApi(version) {
  const client = new OpenApi.default(new OpenApi.Config(settings));
  return async (action, params = {}) => {
    const answer = await client.callApi(
      new OpenApi.Params({
        action, version, protocol: protocol.toUpperCase(), pathname: '/', method: 'POST', authType: 'AK', style: 'RPC',
        reqBodyType: 'formData', bodyType: 'json',
      }),
      new OpenApi.OpenApiRequest({ body: params }), new RuntimeOptions({}));
    return answer.body;
  };
}

// A typed client: pass the module.
export function typed(module) {
  const core = require('@alicloud/openapi-core');
  return new module.default(new core.$OpenApiUtil.Config(settings));
}

export async function step(name, fn) {
  try {
    return await fn();
  } catch (error) {
    console.error(`failed at: ${name}`);
    throw error;
  }
}

export async function refused(code, call) {
  let error;
  try {
    await call();
  } catch (e) {
    error = e;
  }
  assert.ok(error, `${code} was expected, but the call was done`);
  assert.equal(error.code, code, error.message);
  return error;
}

export async function until(what, fn) {
  const end = Date.now() + PATIENCE_MS;
  let last;
  for (;;) {
    last = await fn();
    if (last) return last;
    assert.ok(Date.now() < end, `not within ${PATIENCE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// One request; a refused connection gives status 0.
export function get(ip, port, path = '/', host = ip) {
  return new Promise((resolve) => {
    const request = http.get({ host: ip, port, path, headers: { Host: host }, agent: false, timeout: PATIENCE_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part) => { body += part; });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: body.trim() }));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve({ status: 0, headers: {}, body: '' }));
  });
}

// How often each body came, of n requests.
export async function shares(n, ip, port, path, host) {
  const counts = {};
  for (let i = 0; i < n; i++) {
    const { status, body } = await get(ip, port, path, host);
    const key = status === 200 ? body : String(status);
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

export function udp(ip, port, text) {
  return new Promise((resolve) => {
    const socket = dgram.createSocket('udp4');
    const done = (answer) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => done(''), PATIENCE_MS);
    socket.on('message', (message) => done(message.toString()));
    socket.on('error', () => done(''));
    socket.send(text, port, ip);
  });
}

export function connects(ip, port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, ip, () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

// What all three walkthroughs begin with: the network, and two servers that the inventory knows by id.
export async function surroundings() {
  const vpcs = await popCore('2016-04-28')('DescribeVpcs');
  const vpc = vpcs.Vpcs.Vpc[0].VpcId;
  const vswitches = (await popCore('2016-04-28')('DescribeVSwitches', { VpcId: vpc })).VSwitches.VSwitch;
  assert.ok(vswitches.length >= 2);
  const openslb = popCore('2026-01-01');
  const ids = [];
  for (const server of servers) {
    const known = (await openslb('ListServers', { Name: server.name })).Servers ?? [];
    const id = known[0]?.ServerId ?? (await openslb('RegisterServer', {
      Name: server.name, 'PrivateIpAddresses.1': server.ip, ZoneId: vswitches[0].ZoneId, VpcId: vpc,
    })).ServerId;
    ids.push(id);
  }
  return { vpc, vswitches, ids };
}
