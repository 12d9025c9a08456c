import type { EgressRules } from './rules.ts';

/** One port of the proxy. Connections to it may reach the hosts of its rules. */
export interface ProxyPort {
  /** The result of `rulesKey`. */
  readonly key: string;
  /** On 127.0.0.1. */
  readonly port: number;
  readonly rules: EgressRules;
}

export interface SquidPlace {
  readonly folder: string;
  /** Port on 127.0.0.1 that receives the log of requests. */
  readonly logPort: number;
  /** Empty: those of /etc/resolv.conf. */
  readonly nameServers: readonly string[];
}

/** Addresses that a name may resolve to only where its rule has `private`: the host, its networks, metadata services. */
const INSIDE = [
  '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24',
  '192.168.0.0/16', '198.18.0.0/15', '224.0.0.0/3', '::/127', '::ffff:0:0/96', '64:ff9b::/96', 'fc00::/7',
  'fe80::/10', 'ff00::/8',
].join(' '); // prettier-ignore

const TLS_PORT = 443;

/**
 * The proxy's configuration. Denies what no rule allows. On port 443 the server name in the TLS ClientHello must match the
 * rules too; nothing is decrypted. Pure.
 */
export function squidConfig(
  ports: readonly ProxyPort[],
  { folder, logPort, nameServers }: SquidPlace,
): string {
  const listen = ({ key, port }: ProxyPort) =>
    `http_port 127.0.0.1:${String(port)} name=${key} ssl-bump tls-cert=${folder}/proxy.pem generate-host-certificates=off`;
  return [
    ...ports.map(listen),
    `acl inside dst ${INSIDE}`,
    `acl tls_port port ${String(TLS_PORT)}`,
    'acl greeting at_step SslBump1',
    ...ports.flatMap(allowances),
    'http_access deny all',
    'ssl_bump peek greeting',
    ...ports.map(({ key }) => `ssl_bump splice ${key} ${key}_named`),
    'ssl_bump terminate all',
    // Other protocols than TLS are refused on the TLS port only: another allowed port may carry ssh.
    'on_unsupported_protocol tunnel !tls_port',
    'on_unsupported_protocol respond all',
    'logformat faultline %>p %03>Hs %Ss %err_code %>rd',
    `access_log tcp:127.0.0.1:${String(logPort)} faultline`,
    'buffered_logs off',
    'cache_log none',
    'cache_store_log none',
    'cache deny all',
    'cache_mem 0 MB',
    'memory_pools off',
    `coredump_dir ${folder}`,
    `pid_filename ${folder}/squid.pid`,
    'visible_hostname faultline-egress',
    'via off',
    'forwarded_for delete',
    'icp_port 0',
    'pinger_enable off',
    'client_db off',
    'shutdown_lifetime 1 second',
    'connect_timeout 10 seconds',
    'dns_timeout 5 seconds',
    'negative_dns_ttl 1 second',
    'max_filedescriptors 16384',
    ...(nameServers.length === 0 ? [] : [`dns_nameservers ${nameServers.join(' ')}`]),
    '',
  ].join('\n');
}

function allowances({ key, rules }: ProxyPort): string[] {
  const names = rules.map(({ host }) => host);
  return [
    `acl ${key} myportname ${key}`,
    `acl ${key}_named ssl::server_name ${names.join(' ')}`,
    ...rules.flatMap(({ host, ports, private: inside }, nth) => {
      const rule = `${key}_${String(nth)}`;
      return [
        `acl ${rule}_host dstdomain -n ${host}`,
        `acl ${rule}_port port ${ports.join(' ')}`,
        `http_access allow ${key} ${rule}_host ${rule}_port${inside ? '' : ' !inside'}`,
      ];
    }),
  ];
}
