/** Certificates for tests, valid for a hundred years; their keys are known to everybody. @module */
import { createSecureContext, type SecureContext } from "node:tls";
import type { TlsIdentity } from "../../lib/net/tls_identity.ts";

/** The authority that vouches for the others. */
export const AUTHORITY = `-----BEGIN CERTIFICATE-----
MIIBiTCCAS+gAwIBAgIUNGfaB3zJohYnmbCqiV15BeceMRUwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwIBcNMjYxMTI2MDMzNDA0WhgPMjEy
NjExMDIwMzM0MDRaMBkxFzAVBgNVBAMMDlRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEn3zQUijvDUe50OkxUr7WchfFHuHpsxD+0xpIGg41
qKbx2Dqzf2ja38WNOLLQVK7eKsxjAmaoFz+eIm2Huc/Jj6NTMFEwHQYDVR0OBBYE
FBFZHYfe3YIwIkGuY+kdpPB2cYxsMB8GA1UdIwQYMBaAFBFZHYfe3YIwIkGuY+kd
pPB2cYxsMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhANcUMXy9
Xor1YE/G3l+RhyZDGGWzg4D40isVvZjaf7QCAiBcbKsf9pTjVgA8zL1d7UN/nh6S
75iLE8bFB6bFT484zw==
-----END CERTIFICATE-----
`;

/** A certificate and its key, as PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** For `mx.test`. */
export const MX: Pair = {
  certificate: `-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUdOulPf7g7DpDg/C9bKS8ccYAUAAwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwIBcNMjYxMTI2MDMzNDA0WhgPMjEy
NjExMDIwMzM0MDRaMBIxEDAOBgNVBAMMB214LnRlc3QwWTATBgcqhkjOPQIBBggq
hkjOPQMBBwNCAATp/Fr6iTgTZTpvsQ2jEwyZOsIw9ye51aJG3vBvsCEt/Ur7B+N0
RuhgCEoRlZS1FmBHIE/MUbZyBmYYPWbmf0JPo2EwXzASBgNVHREECzAJggdteC50
ZXN0MAkGA1UdEwQCMAAwHQYDVR0OBBYEFMN0kPp/RrZYe1Tw2QWntlsTzk9gMB8G
A1UdIwQYMBaAFBFZHYfe3YIwIkGuY+kdpPB2cYxsMAoGCCqGSM49BAMCA0gAMEUC
IEKglwq2EUbjuJu6Q5FjtkRVR6oHS9g0QhKaTn8t8OQcAiEAu/AL7rgXCR8GbDrU
l3FCyFuzQACG7Qb3IMsUYm65sXM=
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbAh+PV0m58JNZHYP
MZbiL3H6leaESBvS49E6nQa+GKahRANCAATp/Fr6iTgTZTpvsQ2jEwyZOsIw9ye5
1aJG3vBvsCEt/Ur7B+N0RuhgCEoRlZS1FmBHIE/MUbZyBmYYPWbmf0JP
-----END PRIVATE KEY-----
`,
};

/** For `other.test`. */
export const OTHER: Pair = {
  certificate: `-----BEGIN CERTIFICATE-----
MIIBlzCCATygAwIBAgIUdOulPf7g7DpDg/C9bKS8ccYAUAEwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwIBcNMjYxMTI2MDMzNDA0WhgPMjEy
NjExMDIwMzM0MDRaMBUxEzARBgNVBAMMCm90aGVyLnRlc3QwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAAQeK0v0hLrK6HnEH5UAWPPOuy8HnC6h042+rsnzl27RI6Et
nZxa1P9cg8bBbxXTzU8OmJeKuTa2a/yAm0cH5K34o2QwYjAVBgNVHREEDjAMggpv
dGhlci50ZXN0MAkGA1UdEwQCMAAwHQYDVR0OBBYEFNWXHmTSxovfIQE5ZojbqRpV
y/23MB8GA1UdIwQYMBaAFBFZHYfe3YIwIkGuY+kdpPB2cYxsMAoGCCqGSM49BAMC
A0kAMEYCIQCr1fbNDwMHZw09Lgai+QmqSnnNBC+TdGXAEQ2CHQRxpAIhAIvJot17
n/pm/dZZSuCp+4DwNI4hUcBTGYBojKZEdvQ0
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgsyOPIaORGBbgK1xn
I+pgFoSshltterou47++aGto1KOhRANCAAQeK0v0hLrK6HnEH5UAWPPOuy8HnC6h
042+rsnzl27RI6EtnZxa1P9cg8bBbxXTzU8OmJeKuTa2a/yAm0cH5K34
-----END PRIVATE KEY-----
`,
};

/** For the address 127.0.0.1. */
export const ADDRESS: Pair = {
  certificate: `-----BEGIN CERTIFICATE-----
MIIBiDCCAS6gAwIBAgIUdOulPf7g7DpDg/C9bKS8ccYAUAIwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwIBcNMjYxMTI2MDQ1NzQxWhgPMjEy
NjExMDIwNDU3NDFaMA0xCzAJBgNVBAMMAmlwMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEDhMQCARHhlpHpm9xVXyxdj/8FHhESlw1JOgsb/8Ba14chKAg/QuQprzy
xRhIVkz2/B9pbA2kFHL+BGV1bO744KNeMFwwDwYDVR0RBAgwBocEfwAAATAJBgNV
HRMEAjAAMB0GA1UdDgQWBBQ0scwyBBLRPlik2lfiQHwid+VblTAfBgNVHSMEGDAW
gBQRWR2H3t2CMCJBrmPpHaTwdnGMbDAKBggqhkjOPQQDAgNIADBFAiBYefOor6GZ
4LDWDTe7NRLx5f6FQoACZBBISABCgT0qXwIhAKo1hE9RpvgNqw100t9I6mT2mXl7
vG4ke1eshnkLqv+6
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgP17XG2Zqbm0Vmwdf
X4UwnG9Hr5lHiiaSY6V4qNlJ4bOhRANCAAQOExAIBEeGWkemb3FVfLF2P/wUeERK
XDUk6Cxv/wFrXhyEoCD9C5CmvPLFGEhWTPb8H2lsDaQUcv4EZXVs7vjg
-----END PRIVATE KEY-----
`,
};

function contextOf({ certificate, key }: Pair): SecureContext {
  return createSecureContext({ cert: certificate, key });
}

/** An identity of `mx.test`, and of `other.test` where that is asked for. */
export function testIdentity(asksClient = false): TlsIdentity {
  const [mx, other] = [contextOf(MX), contextOf(OTHER)];
  return {
    contextFor: (name) => name === "other.test" ? other : mx,
    endPointFor: () => new Uint8Array(32).fill(7),
    asksClient,
  };
}
