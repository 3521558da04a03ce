-- The demo's target tables, in the database the connection has chosen. Every statement may run again.
-- Statements end with a semicolon at the end of a line, and no other semicolon stands in this file.
-- The dbmazz_ audit columns are not here: dbmazz adds them at its first start.

CREATE TABLE IF NOT EXISTS orders (
  id BIGINT NOT NULL,
  customer_id INT NULL,
  status STRING NULL,
  total DECIMAL(12, 2) NULL,
  note STRING NULL,
  paid BOOLEAN NULL,
  created_at DATETIME NULL,
  updated_at DATETIME NULL
)
PRIMARY KEY (id)
DISTRIBUTED BY HASH(id)
PROPERTIES ("replication_num" = "1");

-- 40 characters of PostgreSQL are up to 160 bytes, and StarRocks counts bytes.
CREATE TABLE IF NOT EXISTS order_items (
  id BIGINT NOT NULL,
  order_id BIGINT NULL,
  sku VARCHAR(160) NULL,
  quantity INT NULL,
  price DECIMAL(10, 2) NULL,
  attributes JSON NULL
)
PRIMARY KEY (id)
DISTRIBUTED BY HASH(id)
PROPERTIES ("replication_num" = "1");

-- STRING is VARCHAR(65533), and a document may be longer.
CREATE TABLE IF NOT EXISTS toast_test (
  id BIGINT NOT NULL,
  title STRING NULL,
  document VARCHAR(1048576) NULL,
  revision INT NULL,
  digest VARCHAR(36) NULL,
  payload VARBINARY NULL
)
PRIMARY KEY (id)
DISTRIBUTED BY HASH(id)
PROPERTIES ("replication_num" = "1");
