-- What waits to be sent, and how far each place has been read. ADR 37.

-- next: the number that the next delivery gets; none before the centre has said it once.
-- answered: behind which number answers are asked for. state, title, why: as the centre said last.
CREATE TABLE IF NOT EXISTS feed (
  feed TEXT PRIMARY KEY,
  next INTEGER,
  answered INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT '',
  rate INTEGER NOT NULL DEFAULT 0,
  said TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

-- Feeds of which something was only judged (联调): their places are read from the start once it is stored.
CREATE TABLE IF NOT EXISTS tested (feed TEXT PRIMARY KEY) WITHOUT ROWID;

-- content: sealed, none once the centre has kept it. about: whose rows these are, sealed, until they are answered.
-- before: the place's position before these rows, should they have to be read again.
CREATE TABLE IF NOT EXISTS delivery (
  feed TEXT NOT NULL,
  number INTEGER NOT NULL,
  place TEXT NOT NULL,
  before TEXT NOT NULL,
  rows INTEGER NOT NULL,
  size INTEGER NOT NULL,
  digest TEXT NOT NULL,
  made TEXT NOT NULL,
  fate TEXT NOT NULL DEFAULT '',
  about BLOB,
  content BLOB,
  PRIMARY KEY (feed, number)
);
CREATE INDEX IF NOT EXISTS delivery_waiting ON delivery (feed, number, size, rows) WHERE content IS NOT NULL;

-- value: how far. since: from where on it is known which rows were sent. columns: as they were when it began, as JSON. stopped: why nothing more is read, as JSON.
CREATE TABLE IF NOT EXISTS place (
  place TEXT PRIMARY KEY,
  value TEXT NOT NULL DEFAULT '',
  since TEXT NOT NULL DEFAULT '',
  columns TEXT NOT NULL DEFAULT '',
  stopped TEXT NOT NULL DEFAULT '',
  taken INTEGER NOT NULL DEFAULT 0,
  read TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

-- Rows that lie within the overlap, or are on their way from a middle table, by digest. value: their mark. at: the number
-- of the delivery that they went with.
CREATE TABLE IF NOT EXISTS seen (
  place TEXT NOT NULL,
  digest BLOB NOT NULL,
  value TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (place, digest)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_value ON seen (place, value);

-- What is to be written back into a middle table.
CREATE TABLE IF NOT EXISTS verdict (
  place TEXT NOT NULL,
  row TEXT NOT NULL,
  digest BLOB NOT NULL,
  flag TEXT NOT NULL,
  code TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (place, row, digest)
) WITHOUT ROWID;

-- Files of drop folders: from the transaction that queued them until all their pieces were answered.
CREATE TABLE IF NOT EXISTS file (
  place TEXT NOT NULL,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  pieces INTEGER NOT NULL,
  answered INTEGER NOT NULL DEFAULT 0,
  aside INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (place, name, digest)
) WITHOUT ROWID;

-- What the centre asked for and was done, until it knows.
CREATE TABLE IF NOT EXISTS asked (
  feed TEXT NOT NULL,
  id INTEGER NOT NULL,
  asked TEXT NOT NULL,
  answer BLOB,
  PRIMARY KEY (feed, id)
) WITHOUT ROWID;

-- What the hospital counts: by place and day, as JSON. known: whether the centre was told.
CREATE TABLE IF NOT EXISTS counted (
  place TEXT NOT NULL,
  day TEXT NOT NULL,
  told TEXT NOT NULL,
  known INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (place, day)
) WITHOUT ROWID;
