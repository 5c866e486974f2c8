type Close = () => unknown;

/** Closes what the tests of the surrounding `describe` opened, the last first, after each of them. */
export function closeAfterEach(): <T>(resource: T, close: (resource: T) => unknown) => T {
  const closes: Close[] = [];
  afterEach(() => closeAll(closes));
  return keeper(closes);
}

/** The same, once after all of them. */
export function closeAfterAll(): <T>(resource: T, close: (resource: T) => unknown) => T {
  const closes: Close[] = [];
  after(() => closeAll(closes));
  return keeper(closes);
}

function keeper(closes: Close[]): <T>(resource: T, close: (resource: T) => unknown) => T {
  return (resource, close) => {
    closes.push(() => close(resource));
    return resource;
  };
}

async function closeAll(closes: Close[]): Promise<void> {
  for (const close of closes.splice(0).reverse()) await close();
}
