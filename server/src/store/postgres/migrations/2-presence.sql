-- What replicas say of themselves, until `expires`, in microseconds since the Unix epoch. It need not survive a crash.
CREATE UNLOGGED TABLE policystore_replicas (
  namespace text COLLATE "C" NOT NULL,
  replica text COLLATE "C" NOT NULL,
  summary bytea NOT NULL,
  expires bigint NOT NULL,
  PRIMARY KEY (namespace, replica)
) WITH (fillfactor = 50);
