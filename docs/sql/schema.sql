-- The schema after all migrations, as pg_dump 15 prints it, without settings and owners. Of statements that differ in
-- the number of a slot of the retention ring alone, slot 0's is kept, with a comment below it.
--
-- `npm run sql` writes this file.

CREATE TYPE public.revocation_selector AS ENUM (
    'access_token',
    'refresh_token',
    'session',
    'owner'
);

CREATE TABLE public.clients (
    id text NOT NULL,
    secret_digest bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    disabled_at timestamp with time zone,
    standing_since bigint,
    previous_secret_digest bytea,
    previous_secret_until timestamp with time zone,
    deleted_at timestamp with time zone
);

CREATE FUNCTION public.change_client(target text, change text, new_secret bytea, keep_previous_until timestamp with time zone, new_scopes text[], ends text, held text[], by_client text, by_seen bigint, asked_at timestamp with time zone, asked_by text, given_reason text, OUT outcome text, OUT revocation bigint, OUT client public.clients) RETURNS record
    LANGUAGE plpgsql
    SET lock_timeout TO '5s'
    AS $$
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

CREATE FUNCTION public.empty_slot(slot integer, cut timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    SET lock_timeout TO '100ms'
    SET enable_seqscan TO 'on'
    AS $_$
declare
  pairs text := 'token_pairs_' || slot;
  newest bigint;
  newest_now bigint;
  is_past_use boolean;
begin
  execute format('select id, expires_at <= $1 from %I order by id desc limit 1', pairs) into newest, is_past_use using cut;
  if newest is null or not is_past_use then return false; end if;
  execute format('select not exists (select from %I where expires_at > $1)', pairs) into is_past_use using cut;
  if not is_past_use then return false; end if;
  execute format('lock table %I, %I in access exclusive mode', pairs, 'spent_refresh_tokens_' || slot);
  execute format('select max(id) from %I', pairs) into newest_now;
  if newest_now is distinct from newest then return false; end if;
  execute format('truncate %I, %I', pairs, 'spent_refresh_tokens_' || slot);
  return true;
exception when lock_not_available then
  return false;
end $_$;

CREATE FUNCTION public.lock_names_shared(realms text[], usernames text[]) RETURNS void
    LANGUAGE plpgsql
    SET lock_timeout TO '5s'
    AS $$
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

CREATE TABLE public.revocations (
    revision bigint NOT NULL,
    selector public.revocation_selector NOT NULL,
    pair_id bigint,
    session_id bigint,
    realm text,
    username text,
    bound bigint,
    spared_session_id bigint,
    at timestamp with time zone NOT NULL,
    caller text NOT NULL,
    invalidated bigint,
    previously_invalidated bigint,
    reason text,
    comment text,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    client_id text,
    everything boolean,
    CONSTRAINT revocations_shape CHECK (
CASE
    WHEN (selector = 'session'::public.revocation_selector) THEN ((pair_id IS NULL) AND (session_id IS NOT NULL) AND (bound IS NOT NULL))
    WHEN (selector = 'owner'::public.revocation_selector) THEN ((pair_id IS NULL) AND (bound IS NOT NULL) AND (num_nonnulls(COALESCE(realm, username), client_id, NULLIF(everything, false)) = 1))
    ELSE ((pair_id IS NOT NULL) AND (bound IS NULL))
END)
);

CREATE TABLE public.spent_refresh_tokens (
    slot smallint NOT NULL,
    pair_id bigint NOT NULL,
    successor_id bigint NOT NULL,
    successor_slot smallint NOT NULL,
    salt bytea NOT NULL,
    spent_at timestamp with time zone NOT NULL
)
PARTITION BY LIST (slot);

CREATE TABLE public.token_pairs (
    id bigint NOT NULL,
    session_id bigint NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    access_expires_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    slot smallint NOT NULL,
    has_refresh boolean GENERATED ALWAYS AS ((refresh_digest IS NOT NULL)) STORED NOT NULL,
    realm text NOT NULL,
    username text NOT NULL,
    client_id text NOT NULL,
    scopes text NOT NULL,
    access_digest bytea NOT NULL,
    refresh_digest bytea,
    session_started_at timestamp with time zone,
    device_label text,
    user_agent text,
    ip_address text,
    CONSTRAINT token_pairs_expiry CHECK ((access_expires_at <= expires_at))
)
PARTITION BY LIST (slot);

CREATE VIEW public.token_pair_states AS
 SELECT pair.id,
    pair.session_id,
    pair.issued_at,
    pair.access_expires_at,
    pair.expires_at,
    pair.slot,
    pair.has_refresh,
    pair.realm,
    pair.username,
    pair.client_id,
    pair.scopes,
    pair.access_digest,
    pair.refresh_digest,
    pair.session_started_at,
    pair.device_label,
    pair.user_agent,
    pair.ip_address,
    COALESCE(pair.session_started_at, pair.issued_at) AS started_at,
    cover.revision AS covered_by,
    ((access.revision IS NOT NULL) OR (cover.revision IS NOT NULL)) AS access_invalidated,
    ((refresh.revision IS NOT NULL) OR (cover.revision IS NOT NULL)) AS refresh_invalidated,
    ((access.revision IS NOT NULL) OR COALESCE(cover.was_live, false)) AS access_ended,
    ((refresh.revision IS NOT NULL) OR COALESCE(cover.was_live, false)) AS refresh_ended,
    spent.successor_slot,
    spent.successor_id,
    spent.salt,
    spent.spent_at
   FROM ((((public.token_pairs pair
     LEFT JOIN public.revocations access ON (((access.pair_id = pair.id) AND (access.selector = 'access_token'::public.revocation_selector))))
     LEFT JOIN public.revocations refresh ON (((refresh.pair_id = pair.id) AND (refresh.selector = 'refresh_token'::public.revocation_selector))))
     LEFT JOIN public.spent_refresh_tokens spent ON (((spent.slot = pair.slot) AND (spent.pair_id = pair.id))))
     LEFT JOIN LATERAL ( SELECT covering.revision,
            (((pair.access_expires_at > covering.at) AND COALESCE((access.revision > covering.revision), true)) OR (pair.has_refresh AND (pair.expires_at > covering.at) AND COALESCE((refresh.revision > covering.revision), true))) AS was_live
           FROM ( SELECT revocations.revision,
                    revocations.at,
                    revocations.bound,
                    revocations.spared_session_id
                   FROM public.revocations
                  WHERE ((revocations.selector = 'session'::public.revocation_selector) AND (revocations.session_id = pair.session_id))
                UNION ALL
                 SELECT revocations.revision,
                    revocations.at,
                    revocations.bound,
                    revocations.spared_session_id
                   FROM public.revocations
                  WHERE ((revocations.selector = 'owner'::public.revocation_selector) AND (revocations.realm = pair.realm) AND (revocations.username = pair.username) AND (revocations.bound > pair.session_id))
                UNION ALL
                 SELECT revocations.revision,
                    revocations.at,
                    revocations.bound,
                    revocations.spared_session_id
                   FROM public.revocations
                  WHERE ((revocations.selector = 'owner'::public.revocation_selector) AND (revocations.realm = pair.realm) AND (revocations.username IS NULL) AND (revocations.bound > pair.session_id))
                UNION ALL
                 SELECT revocations.revision,
                    revocations.at,
                    revocations.bound,
                    revocations.spared_session_id
                   FROM public.revocations
                  WHERE ((revocations.selector = 'owner'::public.revocation_selector) AND (revocations.realm IS NULL) AND (revocations.username = pair.username) AND (revocations.bound > pair.session_id))
                UNION ALL
                 SELECT revocations.revision,
                    revocations.at,
                    revocations.bound,
                    revocations.spared_session_id
                   FROM public.revocations
                  WHERE ((revocations.client_id = pair.client_id) AND (revocations.bound > pair.session_id))
                UNION ALL
                 SELECT revocations.revision,
                    revocations.at,
                    revocations.bound,
                    revocations.spared_session_id
                   FROM public.revocations
                  WHERE (revocations.everything AND (revocations.bound > pair.session_id))) covering
          WHERE ((covering.bound > pair.session_id) AND (covering.spared_session_id IS DISTINCT FROM pair.session_id))
          ORDER BY covering.revision
         LIMIT 1) cover ON (true));

CREATE FUNCTION public.lock_pairs(slots smallint[], ids bigint[]) RETURNS SETOF public.token_pair_states
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
begin
  perform lock_names_shared(array_agg(pair.realm), array_agg(pair.username))
    from unnest(slots, ids) named (slot, id)
    cross join lateral (select realm, username from token_pairs where slot = named.slot and id = named.id limit 1) pair;
  return query
    select state.* from unnest(slots, ids) with ordinality named (slot, id, place)
      left join lateral (select * from token_pair_states where slot = named.slot and id = named.id limit 1) state on true
      order by place;
end $$;

CREATE FUNCTION public.lock_scope(realm text, username text) RETURNS void
    LANGUAGE plpgsql
    SET lock_timeout TO '5s'
    AS $$
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

CREATE FUNCTION public.locked_pair_states(slots smallint[], ids bigint[]) RETURNS SETOF public.token_pair_states
    LANGUAGE plpgsql
    AS $$
begin
  perform lock_names_shared(array_agg(pair.realm), array_agg(pair.username))
    from unnest(slots, ids) named (slot, id) join token_pairs pair using (slot, id);
  return query
    select state.* from (select distinct slot, id from unnest(slots, ids) named (slot, id)) named
      join token_pair_states state using (slot, id);
end $$;

CREATE FUNCTION public.outdated_clients(ids text[], seen bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql
    AS $$
begin
  return coalesce((
    select array_agg(asked.place) from unnest(ids, seen) with ordinality asked (id, seen, place)
    join clients client on client.id = asked.id
    where client.disabled_at is not null or client.standing_since > asked.seen), '{}');
end $$;

CREATE TABLE public.database_identity (
    is_only boolean DEFAULT true NOT NULL,
    system_identifier text NOT NULL,
    database_oid bigint NOT NULL,
    timeline bigint NOT NULL,
    epoch_began_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    written_by xid8 DEFAULT pg_current_xact_id() NOT NULL
);

CREATE UNLOGGED TABLE public.failed_authentications (
    key bytea NOT NULL,
    failures bigint NOT NULL,
    ends_at timestamp with time zone NOT NULL
);

CREATE TABLE public.forgotten_revocations (
    is_only boolean DEFAULT true NOT NULL,
    up_to xid8 NOT NULL
);

CREATE SEQUENCE public.revision
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    MAXVALUE 281474976710655
    CACHE 1;

CREATE TABLE public.spent_refresh_tokens_0 (
    slot smallint NOT NULL,
    pair_id bigint NOT NULL,
    successor_id bigint NOT NULL,
    successor_slot smallint NOT NULL,
    salt bytea NOT NULL,
    spent_at timestamp with time zone NOT NULL
);
-- The same for slots 1 to 7.

CREATE TABLE public.token_pairs_0 (
    id bigint NOT NULL,
    session_id bigint NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    access_expires_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    slot smallint NOT NULL,
    has_refresh boolean GENERATED ALWAYS AS ((refresh_digest IS NOT NULL)) STORED NOT NULL,
    realm text NOT NULL,
    username text NOT NULL,
    client_id text NOT NULL,
    scopes text NOT NULL,
    access_digest bytea NOT NULL,
    refresh_digest bytea,
    session_started_at timestamp with time zone,
    device_label text,
    user_agent text,
    ip_address text,
    CONSTRAINT token_pairs_expiry CHECK ((access_expires_at <= expires_at))
);
-- The same for slots 1 to 7.

ALTER TABLE ONLY public.spent_refresh_tokens ATTACH PARTITION public.spent_refresh_tokens_0 FOR VALUES IN ('0');
-- The same for slots 1 to 7.

ALTER TABLE ONLY public.token_pairs ATTACH PARTITION public.token_pairs_0 FOR VALUES IN ('0');
-- The same for slots 1 to 7.

ALTER TABLE ONLY public.clients
    ADD CONSTRAINT clients_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.database_identity
    ADD CONSTRAINT database_identity_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY public.failed_authentications
    ADD CONSTRAINT failed_authentications_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.forgotten_revocations
    ADD CONSTRAINT forgotten_revocations_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY public.revocations
    ADD CONSTRAINT revocations_pkey PRIMARY KEY (revision);

ALTER TABLE ONLY public.spent_refresh_tokens
    ADD CONSTRAINT spent_refresh_tokens_slot_pair_id_pk PRIMARY KEY (slot, pair_id);

ALTER TABLE ONLY public.spent_refresh_tokens_0
    ADD CONSTRAINT spent_refresh_tokens_0_pkey PRIMARY KEY (slot, pair_id);
-- The same for slots 1 to 7.

CREATE INDEX revocations_by_realm ON public.revocations USING btree (hashtext(realm), revision);

CREATE INDEX revocations_by_username ON public.revocations USING btree (hashtext(username), revision);

CREATE INDEX revocations_client ON public.revocations USING btree (client_id, bound) WHERE (client_id IS NOT NULL);

CREATE INDEX revocations_everything ON public.revocations USING btree (bound) WHERE everything;

CREATE UNIQUE INDEX revocations_half ON public.revocations USING btree (pair_id, selector) WHERE (pair_id IS NOT NULL);

CREATE INDEX revocations_owner ON public.revocations USING btree (realm, username, bound) WHERE (selector = 'owner'::public.revocation_selector);

CREATE INDEX revocations_session ON public.revocations USING btree (session_id) WHERE (selector = 'session'::public.revocation_selector);

CREATE INDEX revocations_uncounted ON public.revocations USING btree (revision) WHERE (invalidated IS NULL);

CREATE INDEX revocations_xid ON public.revocations USING btree (xid);

CREATE INDEX token_pairs_client ON ONLY public.token_pairs USING btree (hashtext(client_id), ((session_id >> 12)));

CREATE INDEX token_pairs_0_hashtext_expr_idx ON public.token_pairs_0 USING btree (hashtext(client_id), ((session_id >> 12)));
-- The same for slots 1 to 7.

CREATE INDEX token_pairs_username ON ONLY public.token_pairs USING btree (hashtext(username), hashtext(realm));

CREATE INDEX token_pairs_0_hashtext_hashtext1_idx ON public.token_pairs_0 USING btree (hashtext(username), hashtext(realm));
-- The same for slots 1 to 7.

CREATE UNIQUE INDEX token_pairs_0_id ON public.token_pairs_0 USING btree (id);
-- The same for slots 1 to 7.

CREATE INDEX token_pairs_realm ON ONLY public.token_pairs USING btree (realm, session_id, has_refresh, expires_at);

CREATE INDEX token_pairs_0_realm_session_id_has_refresh_expires_at_idx ON public.token_pairs_0 USING btree (realm, session_id, has_refresh, expires_at);
-- The same for slots 1 to 7.

CREATE INDEX token_pairs_refreshed ON ONLY public.token_pairs USING btree (session_id) WHERE (id <> session_id);

CREATE INDEX token_pairs_0_session_id_idx ON public.token_pairs_0 USING btree (session_id) WHERE (id <> session_id);
-- The same for slots 1 to 7.

ALTER INDEX public.spent_refresh_tokens_slot_pair_id_pk ATTACH PARTITION public.spent_refresh_tokens_0_pkey;
-- The same for slots 1 to 7.

ALTER INDEX public.token_pairs_client ATTACH PARTITION public.token_pairs_0_hashtext_expr_idx;
-- The same for slots 1 to 7.

ALTER INDEX public.token_pairs_username ATTACH PARTITION public.token_pairs_0_hashtext_hashtext1_idx;
-- The same for slots 1 to 7.

ALTER INDEX public.token_pairs_realm ATTACH PARTITION public.token_pairs_0_realm_session_id_has_refresh_expires_at_idx;
-- The same for slots 1 to 7.

ALTER INDEX public.token_pairs_refreshed ATTACH PARTITION public.token_pairs_0_session_id_idx;
-- The same for slots 1 to 7.
