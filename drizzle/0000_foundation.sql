CREATE SCHEMA IF NOT EXISTS "quorate";
--> statement-breakpoint
CREATE TABLE "quorate"."cluster" (
	"only_row" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"cluster_id" text NOT NULL,
	"epoch" bigint NOT NULL,
	"next_tenant_number" integer NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "cluster_only_row" CHECK ("quorate"."cluster"."only_row"),
	CONSTRAINT "cluster_epoch" CHECK ("quorate"."cluster"."epoch" > 0)
);
--> statement-breakpoint
CREATE TABLE "quorate"."coordinators" (
	"coordinator_id" text PRIMARY KEY NOT NULL,
	"incarnation" bigint NOT NULL,
	"address" text NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"heartbeat_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "quorate"."idempotency_records" (
	"tenant_number" integer NOT NULL,
	"key" "bytea" NOT NULL,
	"idempotency_key" "bytea" NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	"dot_actor" text NOT NULL,
	"dot_timestamp" bigint NOT NULL,
	"owner" text NOT NULL,
	"lease_until" timestamp with time zone,
	"answer" "bytea",
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "idempotency_records_tenant_number_key_idempotency_key_pk" PRIMARY KEY("tenant_number","key","idempotency_key"),
	CONSTRAINT "idempotency_records_fingerprint" CHECK (length("quorate"."idempotency_records"."fingerprint") = 32),
	CONSTRAINT "idempotency_records_dot" CHECK ("quorate"."idempotency_records"."dot_timestamp" > 0)
);
--> statement-breakpoint
CREATE TABLE "quorate"."migrations" (
	"migration_id" uuid PRIMARY KEY NOT NULL,
	"type" text NOT NULL,
	"node_id" text NOT NULL,
	"tenant_id" text NOT NULL,
	"status" text NOT NULL,
	"phase" text NOT NULL,
	"stalled_reason" text NOT NULL,
	"error_message" text NOT NULL,
	"keys_migrated" bigint NOT NULL,
	"total_keys" bigint NOT NULL,
	"bytes_moved" bigint NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"estimated_completion" timestamp with time zone,
	CONSTRAINT "migrations_type" CHECK ("quorate"."migrations"."type" in ('node_addition', 'node_deletion', 'replication_change')),
	CONSTRAINT "migrations_status" CHECK ("quorate"."migrations"."status" in ('pending', 'in_progress', 'completed', 'failed', 'cancelled')),
	CONSTRAINT "migrations_counts" CHECK ("quorate"."migrations"."keys_migrated" >= 0 and "quorate"."migrations"."total_keys" >= 0 and "quorate"."migrations"."bytes_moved" >= 0)
);
--> statement-breakpoint
CREATE TABLE "quorate"."schema_info" (
	"only_row" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"compatibility" integer NOT NULL,
	CONSTRAINT "schema_info_only_row" CHECK ("quorate"."schema_info"."only_row")
);
--> statement-breakpoint
CREATE TABLE "quorate"."sealing_secrets" (
	"secret_number" integer PRIMARY KEY NOT NULL,
	"secret" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"retired_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "quorate"."storage_nodes" (
	"node_id" text PRIMARY KEY NOT NULL,
	"host" text NOT NULL,
	"port" integer NOT NULL,
	"virtual_nodes" integer NOT NULL,
	"zone" text NOT NULL,
	"status" text NOT NULL,
	"store_id" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "storage_nodes_store_id_unique" UNIQUE("store_id"),
	CONSTRAINT "storage_nodes_address" UNIQUE("host","port"),
	CONSTRAINT "storage_nodes_status" CHECK ("quorate"."storage_nodes"."status" in ('inactive', 'active', 'draining')),
	CONSTRAINT "storage_nodes_port" CHECK ("quorate"."storage_nodes"."port" between 1 and 65535),
	CONSTRAINT "storage_nodes_virtual_nodes" CHECK ("quorate"."storage_nodes"."virtual_nodes" > 0)
);
--> statement-breakpoint
CREATE TABLE "quorate"."tenants" (
	"tenant_id" text PRIMARY KEY NOT NULL,
	"tenant_number" integer NOT NULL,
	"replication_factor" integer NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "tenants_tenant_number_unique" UNIQUE("tenant_number"),
	CONSTRAINT "tenants_replication_factor" CHECK ("quorate"."tenants"."replication_factor" between 1 and 10)
);
--> statement-breakpoint
CREATE INDEX "idempotency_records_expires_at" ON "quorate"."idempotency_records" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "migrations_node" ON "quorate"."migrations" USING btree ("node_id","created_at");--> statement-breakpoint
INSERT INTO "quorate"."schema_info" ("compatibility") VALUES (1);
