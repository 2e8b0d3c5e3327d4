-- Written by drizzle-kit. By hand: unlogged.
CREATE UNLOGGED TABLE "failed_authentications" (
	"key" "bytea" PRIMARY KEY NOT NULL,
	"failures" bigint NOT NULL,
	"ends_at" timestamp with time zone NOT NULL
);
