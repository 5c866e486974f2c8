import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { text } from 'node:stream/consumers';

/** How a scraper is let in. */
export interface ScrapeOptions {
  readonly ca: Buffer;
  readonly serverName: string;
  readonly token: string;
}

/** What a server tells of itself at /metrics. */
export async function scrape(address: string, { ca, serverName, token }: ScrapeOptions): Promise<string> {
  const request = get(`https://${address}/metrics`, {
    ca,
    servername: serverName,
    agent: false,
    headers: { Authorization: `Bearer ${token}` },
  });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const page = await text(response);
  if (response.statusCode !== 200) throw new Error(`no metrics at ${address}: ${page}`);
  return page;
}
