-- Written by drizzle-kit. By hand: the order, and the locks; the view is replaced in place, because functions answer rows of
-- it; the functions; and the new scopes of existing clients.
--
-- First what takes long. Until it is made, readers go on.
CREATE INDEX "token_pairs_client" ON "token_pairs" USING btree (hashtext(client_id),(session_id >> 12));--> statement-breakpoint
-- Then all locks that readers wait for, together. Processes of before lock the view and the log in either order, so to take
-- them one by one would deadlock with them; and a statement that waits for such a lock makes all others wait. So it waits
-- for 200 ms at a time, and in between lets the others finish. (The view is locked by changing nothing of it: "lock table"
-- would lock its tables too.)
do $$
begin
  loop
    begin
      set local lock_timeout = '200ms';
      lock table revocations, clients in access exclusive mode;
      alter view token_pair_states alter column id drop default;
      exit;
    exception when lock_not_available or deadlock_detected then
      perform pg_sleep(0.2);
    end;
  end loop;
  set local lock_timeout to default;
end $$;
--> statement-breakpoint
CREATE TABLE "database_identity" (
	"is_only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"system_identifier" text NOT NULL,
	"database_oid" bigint NOT NULL,
	"timeline" bigint NOT NULL,
	"epoch_began_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	"written_by" "xid8" DEFAULT pg_current_xact_id() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "revocations" DROP CONSTRAINT "revocations_shape";--> statement-breakpoint
ALTER TABLE "clients" ADD COLUMN "previous_secret_digest" "bytea";--> statement-breakpoint
ALTER TABLE "clients" ADD COLUMN "previous_secret_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "clients" ADD COLUMN "deleted_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "revocations" ADD COLUMN "client_id" text;--> statement-breakpoint
ALTER TABLE "revocations" ADD COLUMN "everything" boolean;--> statement-breakpoint
CREATE INDEX "revocations_client" ON "revocations" USING btree ("client_id","bound") WHERE client_id is not null;--> statement-breakpoint
CREATE INDEX "revocations_everything" ON "revocations" USING btree ("bound") WHERE everything;--> statement-breakpoint
ALTER TABLE "revocations" ADD CONSTRAINT "revocations_shape" CHECK (case
        when selector = 'session' then pair_id is null and session_id is not null and bound is not null
        when selector = 'owner' then pair_id is null and bound is not null
          and num_nonnulls(coalesce(realm, username), client_id, nullif(everything, false)) = 1
        else pair_id is not null and bound is null
      end);--> statement-breakpoint
CREATE OR REPLACE VIEW "public"."token_pair_states" AS (
  select
    pair.*,
    coalesce(pair.session_started_at, pair.issued_at) as started_at,
    cover.revision as covered_by,
    access.revision is not null or cover.revision is not null as access_invalidated,
    refresh.revision is not null or cover.revision is not null as refresh_invalidated,
    access.revision is not null or coalesce(cover.was_live, false) as access_ended,
    refresh.revision is not null or coalesce(cover.was_live, false) as refresh_ended,
    spent.successor_slot, spent.successor_id, spent.salt, spent.spent_at
  from token_pairs pair
  left join revocations access on access.pair_id = pair.id and access.selector = 'access_token'
  left join revocations refresh on refresh.pair_id = pair.id and refresh.selector = 'refresh_token'
  left join spent_refresh_tokens spent on spent.slot = pair.slot and spent.pair_id = pair.id
  left join lateral (
    select
      covering.revision,
      (pair.access_expires_at > covering.at and coalesce(access.revision > covering.revision, true))
        or (pair.has_refresh and pair.expires_at > covering.at and coalesce(refresh.revision > covering.revision, true))
        as was_live
    from (
      select revision, at, bound, spared_session_id from revocations
        where selector = 'session' and session_id = pair.session_id
      union all
      select revision, at, bound, spared_session_id from revocations
        where selector = 'owner' and realm = pair.realm and username = pair.username and bound > pair.session_id
      union all
      select revision, at, bound, spared_session_id from revocations
        where selector = 'owner' and realm = pair.realm and username is null and bound > pair.session_id
      union all
      select revision, at, bound, spared_session_id from revocations
        where selector = 'owner' and realm is null and username = pair.username and bound > pair.session_id
      union all
      select revision, at, bound, spared_session_id from revocations
        where client_id = pair.client_id and bound > pair.session_id
      union all
      select revision, at, bound, spared_session_id from revocations
        where everything and bound > pair.session_id
    ) covering
    where covering.bound > pair.session_id and covering.spared_session_id is distinct from pair.session_id
    order by covering.revision
    limit 1
  ) cover on true);
--> statement-breakpoint
-- A client that had all scopes gets the new ones too.
update clients set scopes = scopes || array(
  select scope from unnest(array['follow_revocations', 'manage_clients']) scope where scope <> all(scopes))
where scopes @> array['create_token', 'introspect_token', 'manage_token'];
--> statement-breakpoint
-- Every statement that writes takes one more shared lock, (1769366880, 0), before all others. A revocation of a client or
-- of everything takes it exclusively, and needs no other: nothing is being written while it takes its revision. The order
-- for all is: this lock, all realms, realms, usernames.
create or replace function lock_names_shared(realms text[], usernames text[]) returns void
language plpgsql set lock_timeout = '5s' as $$
declare
  key int;
begin
  perform pg_advisory_xact_lock_shared(1769366880, 0);
  for key in select distinct hashtext(name) from unnest(realms) name order by 1 loop
    perform pg_advisory_xact_lock_shared(1769366882, key);
  end loop;
  for key in select distinct hashtext(name) from unnest(usernames) name order by 1 loop
    perform pg_advisory_xact_lock_shared(1769366883, key);
  end loop;
end $$;
--> statement-breakpoint
create or replace function lock_scope(realm text, username text) returns void
language plpgsql set lock_timeout = '5s' as $$
begin
  if realm is null and username is null then
    perform pg_advisory_xact_lock(1769366880, 0);
    return;
  end if;
  perform pg_advisory_xact_lock_shared(1769366880, 0);
  if realm is null then
    perform pg_advisory_xact_lock_shared(1769366881, 0);
    perform pg_advisory_xact_lock(1769366883, hashtext(username));
  elsif username is null then
    perform pg_advisory_xact_lock(1769366881, 0);
    perform pg_advisory_xact_lock(1769366882, hashtext(realm));
  else
    perform pg_advisory_xact_lock_shared(1769366882, hashtext(realm));
    perform pg_advisory_xact_lock(1769366883, hashtext(username));
  end if;
end $$;
--> statement-breakpoint
-- The places of the clients that may not create a session any more: disabled, deleted, or given another secret since
-- `seen`. Null in `seen`: how old the caller's credentials are is not known. A client without a row is never outdated. Asked
-- under the locks: a change of a client waits for these statements, and those after it find the change. plpgsql, because
-- each of its statements takes a new snapshot.
create function outdated_clients(ids text[], seen bigint[]) returns bigint[]
language plpgsql as $$
begin
  return coalesce((
    select array_agg(asked.place) from unnest(ids, seen) with ordinality asked (id, seen, place)
    join clients client on client.id = asked.id
    where client.disabled_at is not null or client.standing_since > asked.seen), '{}');
end $$;
--> statement-breakpoint
-- Adds or changes a client, and in the same commit ends what ends with it. One lock for all changes and sweeps of clients:
-- two managers who disable each other find out, and no session is created between the change and the revocation.
--
-- `change`: create, rotate, replace, scopes, disable, enable, delete.
-- `ends`: `own`, the tokens that the client has for itself; `created`, all that it created; null, nothing.
-- `held`: the scopes of the caller, who must have all that the client has or is given; null for an operator.
-- `by_client`, `by_seen`: the client that is responsible for the caller, asked as `outdated_clients` asks: a manager that
-- was disabled or given another secret after it authenticated changes nothing. It must also have these scopes now.
-- `outcome`: changed, unknown, exists, id_used, is_disabled, is_enabled, is_same_secret, is_last_manager, beyond_caller,
-- outdated_caller.
create function change_client(
  target text, change text, new_secret bytea, keep_previous_until timestamptz, new_scopes text[], ends text,
  held text[], by_client text, by_seen bigint, asked_at timestamptz, asked_by text, given_reason text,
  out outcome text, out revocation bigint, out client clients
) language plpgsql set lock_timeout = '5s' as $$
declare
  asker clients;
  needed text[];
  keeps_previous boolean;
begin
  perform lock_scope(null, null);
  select * into asker from clients where id = by_client;
  select * into client from clients where id = target;
  needed := array['manage_clients'] || coalesce(client.scopes, '{}') || coalesce(new_scopes, '{}');
  -- Rotating to the secret that it has changes nothing: a request that is repeated must not drop the previous one.
  keeps_previous := change = 'scopes' or change = 'rotate' and new_secret = client.secret_digest;
  if outdated_clients(array[by_client], array[by_seen]) <> '{}' then
    outcome := 'outdated_caller';
  elsif change = 'create' and client.id is not null then
    outcome := case when client.deleted_at is null then 'exists' else 'id_used' end;
  elsif change <> 'create' and (client.id is null or client.deleted_at is not null) then
    outcome := 'unknown';
  elsif not needed <@ coalesce(held, needed) or not needed <@ coalesce(asker.scopes, needed) then
    outcome := 'beyond_caller';
  elsif change in ('rotate', 'replace', 'scopes') and client.disabled_at is not null then
    outcome := 'is_disabled';
  elsif change = 'enable' and client.disabled_at is null then
    outcome := 'is_enabled';
  elsif change in ('replace', 'enable') and new_secret in (client.secret_digest, client.previous_secret_digest) then
    outcome := 'is_same_secret';
  elsif client.disabled_at is null and 'manage_clients' = any(client.scopes)
    and (change in ('disable', 'delete') or change = 'scopes' and 'manage_clients' <> all(new_scopes))
    and not exists (
      select from clients other
      where other.id <> target and other.disabled_at is null and 'manage_clients' = any(other.scopes))
  then
    outcome := 'is_last_manager';
  elsif change = 'create' then
    outcome := 'changed';
    insert into clients (id, secret_digest, scopes, created_at, standing_since)
    values (target, new_secret, new_scopes, now(), nextval('revision')) returning * into client;
  else
    outcome := 'changed';
    update clients set
      secret_digest = coalesce(new_secret, secret_digest),
      previous_secret_digest = case
        when keeps_previous then previous_secret_digest when change = 'rotate' then secret_digest end,
      previous_secret_until = case
        when keeps_previous then previous_secret_until when change = 'rotate' then keep_previous_until end,
      scopes = coalesce(new_scopes, scopes),
      disabled_at = case when change in ('disable', 'delete') then coalesce(disabled_at, asked_at)
        when change <> 'enable' then disabled_at end,
      deleted_at = case when change = 'delete' then asked_at end,
      standing_since = case when change in ('rotate', 'scopes') then standing_since else nextval('revision') end
    where id = target returning * into client;
    if ends is not null then
      revocation := nextval('revision');
      insert into revocations (revision, selector, realm, username, client_id, bound, at, caller, reason)
      values (revocation, 'owner', case ends when 'own' then '_clients' end, case ends when 'own' then target end,
        case ends when 'created' then target end, revocation, asked_at, asked_by, given_reason);
    end if;
  end if;
end $$;
