/** Hooks on TanStack Query. They keep the cache current, and clear it when the person changes. */

import {
  type InfiniteData,
  type QueryClient,
  type UseMutationResult,
  type UseQueryResult,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { createContext, createElement, type ReactNode, useContext, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type {
  AccountView,
  ActivityListView,
  Answer,
  ConsentListView,
  DeletionView,
  EndedSessionsView,
  ExportListView,
  ExportView,
  Latchkey,
  PreferencesBody,
  PreferencesView,
  SessionListView,
  SessionView,
  SignedIn,
  UpdateMeBody,
} from "./index.js";
import { answerOf, LatchkeyError } from "./index.js";

const ROOT = "latchkey";

const Context = createContext<Latchkey | null>(null);

/** Provides a client for the hooks. Use it inside TanStack Query's provider. */
export function LatchkeyProvider({ latchkey, children }: { latchkey: Latchkey; children?: ReactNode }) {
  const queries = useQueryClient();
  const person = useRef(latchkey.signedIn?.accountId);
  useEffect(() => {
    const clearOnChange = () => {
      const now = latchkey.signedIn?.accountId;
      // Never show data of the previous person.
      if (person.current !== undefined && person.current !== now) queries.removeQueries({ queryKey: [ROOT] });
      person.current = now;
    };
    clearOnChange();
    return latchkey.subscribe(clearOnChange);
  }, [latchkey, queries]);
  return createElement(Context.Provider, { value: latchkey }, children);
}

export function useLatchkey(): Latchkey {
  const latchkey = useContext(Context);
  if (latchkey === null) throw new Error("There is no <LatchkeyProvider> around this component.");
  return latchkey;
}

/** The signed-in person, or null. Also changes when another tab signs out. */
export function useSignedIn(): SignedIn | null {
  const latchkey = useLatchkey();
  const read = () => latchkey.signedIn;
  return useSyncExternalStore((changed) => latchkey.subscribe(changed), read, () => null);
}

/** The query keys of the hooks, for your own `invalidateQueries`. */
export const latchkeyKeys = {
  all: (accountId: string | undefined) => [ROOT, accountId ?? null] as const,
  me: (accountId: string | undefined) => [ROOT, accountId ?? null, "me"] as const,
  preferences: (accountId: string | undefined) => [ROOT, accountId ?? null, "preferences"] as const,
  consents: (accountId: string | undefined) => [ROOT, accountId ?? null, "consents"] as const,
  sessions: (accountId: string | undefined) => [ROOT, accountId ?? null, "sessions"] as const,
  activity: (accountId: string | undefined) => [ROOT, accountId ?? null, "activity"] as const,
  exports: (accountId: string | undefined) => [ROOT, accountId ?? null, "exports"] as const,
  export: (accountId: string | undefined, exportId: string) => [ROOT, accountId ?? null, "exports", exportId] as const,
};

interface HookContext {
  latchkey: Latchkey;
  queries: QueryClient;
  accountId: string | undefined;
}

function useHookContext(): HookContext {
  const latchkey = useLatchkey();
  const queries = useQueryClient();
  const accountId = useSignedIn()?.accountId;
  return useMemo(() => ({ latchkey, queries, accountId }), [latchkey, queries, accountId]);
}

// The client retries itself. Without a sign-in there is nothing to request.
const whenSignedIn = (accountId: string | undefined) => ({ enabled: accountId !== undefined, retry: false });

type Failing = LatchkeyError;

// --- profile ------------------------------------------------------------------------------------

export interface Me {
  account: AccountView;
  /** The version of the account: a change with it can't overwrite another change. */
  etag: string | null;
}

const withEtag = (account: AccountView): Me => ({ account, etag: (answerOf(account) as Answer | undefined)?.etag ?? null });

export function useMe(): UseQueryResult<Me, Failing> {
  const { latchkey, accountId } = useHookContext();
  return useQuery<Me, Failing>({
    ...whenSignedIn(accountId),
    queryKey: latchkeyKeys.me(accountId),
    queryFn: async ({ signal }) => withEtag(await latchkey.getMe({ signal })),
  });
}

/** Change fields of the profile. PRECONDITION_FAILED: it was changed elsewhere, and `useMe` has the new version. */
export function useUpdateMe(): UseMutationResult<Me, Failing, UpdateMeBody> {
  const context = useHookContext();
  return useMeMutation<UpdateMeBody>(context, (body, ifMatch) => context.latchkey.updateMe({ body, ...ifMatch }));
}

export function useUploadAvatar(): UseMutationResult<Me, Failing, Blob> {
  const context = useHookContext();
  return useMeMutation<Blob>(context, (picture) => context.latchkey.uploadAvatar(picture));
}

export function useDeleteAvatar(): UseMutationResult<Me, Failing, void> {
  const context = useHookContext();
  return useMeMutation<void>(context, () => context.latchkey.deleteAvatar());
}

function useMeMutation<T>(
  { queries, accountId }: HookContext,
  change: (given: T, ifMatch: { headers: { "If-Match": string } } | object) => Promise<AccountView>,
): UseMutationResult<Me, Failing, T> {
  const key = latchkeyKeys.me(accountId);
  return useMutation<Me, Failing, T>({
    mutationFn: async (given) => {
      const etag = queries.getQueryData<Me>(key)?.etag;
      return withEtag(await change(given, etag ? { headers: { "If-Match": etag } } : {}));
    },
    onSuccess: (me) => {
      queries.setQueryData(key, me);
      void queries.invalidateQueries({ queryKey: latchkeyKeys.consents(accountId) });
    },
    onError: (error) => {
      if (error.code === "PRECONDITION_FAILED") void queries.invalidateQueries({ queryKey: key });
    },
  });
}

// --- preferences and consents -------------------------------------------------------------------

export function usePreferences(): UseQueryResult<PreferencesView, Failing> {
  const { latchkey, accountId } = useHookContext();
  return useQuery<PreferencesView, Failing>({
    ...whenSignedIn(accountId),
    queryKey: latchkeyKeys.preferences(accountId),
    queryFn: ({ signal }) => latchkey.getPreferences({ signal }),
  });
}

export function useReplacePreferences(): UseMutationResult<PreferencesView, Failing, PreferencesBody> {
  const { latchkey, queries, accountId } = useHookContext();
  return useMutation<PreferencesView, Failing, PreferencesBody>({
    mutationFn: (body) => latchkey.replacePreferences({ body }),
    onSuccess: (preferences) => queries.setQueryData(latchkeyKeys.preferences(accountId), preferences),
  });
}

export function useResetPreferences(): UseMutationResult<unknown, Failing, void> {
  const { latchkey, queries, accountId } = useHookContext();
  return useMutation<unknown, Failing, void>({
    mutationFn: () => latchkey.resetPreferences(),
    onSuccess: () => queries.invalidateQueries({ queryKey: latchkeyKeys.preferences(accountId) }),
  });
}

/** The consents, given and withdrawn, in pages, newest first. */
export function useConsents({ limit = 20 } = {}) {
  const { latchkey, accountId } = useHookContext();
  return useInfiniteQuery<ConsentListView, Failing, InfiniteData<ConsentListView>, readonly unknown[], string | null>({
    ...whenSignedIn(accountId),
    queryKey: [...latchkeyKeys.consents(accountId), limit],
    initialPageParam: null,
    queryFn: ({ signal, pageParam }) => latchkey.listConsents({ signal, query: page(limit, pageParam) }),
    getNextPageParam: (last) => last.next_cursor,
  });
}

/** The security history, in pages, newest first. */
export function useActivity({ limit = 20 } = {}) {
  const { latchkey, accountId } = useHookContext();
  return useInfiniteQuery<ActivityListView, Failing, InfiniteData<ActivityListView>, readonly unknown[], string | null>({
    ...whenSignedIn(accountId),
    queryKey: [...latchkeyKeys.activity(accountId), limit],
    initialPageParam: null,
    queryFn: ({ signal, pageParam }) => latchkey.listActivity({ signal, query: page(limit, pageParam) }),
    getNextPageParam: (last) => last.next_cursor,
  });
}

const page = (limit: number, cursor: string | null) => (cursor === null ? { limit } : { limit, cursor });

// --- devices ------------------------------------------------------------------------------------

/** The devices that the person is signed in on, the current one first. */
export function useSessions(): UseQueryResult<SessionListView, Failing> {
  const { latchkey, accountId } = useHookContext();
  return useQuery<SessionListView, Failing>({
    ...whenSignedIn(accountId),
    queryKey: latchkeyKeys.sessions(accountId),
    queryFn: ({ signal }) => latchkey.listSessions({ signal }),
  });
}

export interface RenameSession {
  sessionId: string;
  name: string;
}

/** Rename a device. The list changes immediately. */
export function useRenameSession(): UseMutationResult<SessionView, Failing, RenameSession> {
  const { latchkey, queries, accountId } = useHookContext();
  const key = latchkeyKeys.sessions(accountId);
  return useMutation<SessionView, Failing, RenameSession>({
    mutationFn: ({ sessionId, name }) => latchkey.renameSession({ path: { session_id: sessionId }, body: { device_name: name } }),
    onSuccess: (renamed) =>
      queries.setQueryData<SessionListView>(key, (known) => known && { ...known, sessions: known.sessions.map((each) => (each.id === renamed.id ? renamed : each)) }),
    onSettled: () => queries.invalidateQueries({ queryKey: key }),
  });
}

interface Rollback {
  before: SessionListView | undefined;
}

/** Sign one device out. It leaves the list immediately, and returns if that failed. */
export function useRevokeSession(): UseMutationResult<void, Failing, string, Rollback> {
  const { latchkey, queries, accountId } = useHookContext();
  return useSessionMutation<void, string>(
    { latchkey, queries, accountId },
    async (sessionId) => {
      try {
        await latchkey.revokeSession({ path: { session_id: sessionId } });
      } catch (error) {
        // It has already ended, as requested.
        if (!(error instanceof LatchkeyError && error.code === "SESSION_NOT_FOUND")) throw error;
      }
    },
    (session, sessionId) => session.id !== sessionId,
  );
}

export interface RevokeAll {
  /** Also end the session of this device. */
  includeThisDevice?: boolean;
}

/** Sign all other devices out, in one atomic step. */
export function useRevokeAllSessions(): UseMutationResult<EndedSessionsView, Failing, RevokeAll | void, Rollback> {
  const context = useHookContext();
  return useSessionMutation<EndedSessionsView, RevokeAll | void>(
    context,
    (given) => context.latchkey.revokeSessions({ query: { scope: given?.includeThisDevice ? "all" : "others" } }),
    (session) => session.is_current,
  );
}

function useSessionMutation<Data, Given>(
  { queries, accountId }: HookContext,
  mutationFn: (given: Given) => Promise<Data>,
  stays: (session: SessionListView["sessions"][number], given: Given) => boolean,
): UseMutationResult<Data, Failing, Given, Rollback> {
  const key = latchkeyKeys.sessions(accountId);
  return useMutation<Data, Failing, Given, Rollback>({
    mutationFn,
    onMutate: async (given) => {
      // A pending response still contains the device.
      await queries.cancelQueries({ queryKey: key });
      const before = queries.getQueryData<SessionListView>(key);
      if (before) {
        const sessions = before.sessions.filter((session) => stays(session, given));
        queries.setQueryData<SessionListView>(key, { ...before, sessions, total_count: sessions.length });
      }
      return { before };
    },
    onError: (_error, _given, rollback) => {
      if (rollback?.before) queries.setQueryData(key, rollback.before);
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: key });
      void queries.invalidateQueries({ queryKey: latchkeyKeys.activity(accountId) });
    },
  });
}

// --- password and address -----------------------------------------------------------------------

export interface ChangePassword {
  currentPassword: string;
  newPassword: string;
}

/** Change the password. The other devices are signed out. */
export function useChangePassword(): UseMutationResult<EndedSessionsView, Failing, ChangePassword> {
  const { latchkey, queries, accountId } = useHookContext();
  return useMutation<EndedSessionsView, Failing, ChangePassword>({
    mutationFn: ({ currentPassword, newPassword }) =>
      latchkey.changePassword({ body: { current_password: currentPassword, new_password: newPassword } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: latchkeyKeys.sessions(accountId) }),
  });
}

/** Request another address. The link in its email confirms it. */
export function useChangeEmail(): UseMutationResult<void, Failing, string> {
  const { latchkey } = useHookContext();
  return useMutation<void, Failing, string>({
    mutationFn: async (email) => {
      await latchkey.changeEmail({ body: { email } });
    },
  });
}

// --- export and deletion ------------------------------------------------------------------------

const POLL_MS = 1_500;
const underWay = (job: ExportView | undefined) => job?.status === "queued" || job?.status === "running";

export function useExports(): UseQueryResult<ExportListView, Failing> {
  const { latchkey, accountId } = useHookContext();
  return useQuery<ExportListView, Failing>({
    ...whenSignedIn(accountId),
    queryKey: latchkeyKeys.exports(accountId),
    queryFn: ({ signal }) => latchkey.listExports({ signal }),
    refetchInterval: ({ state }) => (state.data?.exports.some(underWay) ? POLL_MS : false),
  });
}

/** One export, polled until it is done. `download_url` works for five minutes; `refetch` gets a new one. */
export function useExport(exportId: string | null | undefined): UseQueryResult<ExportView, Failing> {
  const { latchkey, accountId } = useHookContext();
  return useQuery<ExportView, Failing>({
    ...whenSignedIn(accountId),
    enabled: accountId !== undefined && Boolean(exportId),
    queryKey: latchkeyKeys.export(accountId, exportId ?? ""),
    queryFn: ({ signal }) => latchkey.getExport({ path: { export_id: exportId! }, signal }),
    refetchInterval: ({ state }) => (underWay(state.data) ? POLL_MS : false),
  });
}

/** Start an export of all data. While one is running, returns that one. */
export function useRequestExport(): UseMutationResult<ExportView, Failing, void> {
  const { latchkey, queries, accountId } = useHookContext();
  return useMutation<ExportView, Failing, void>({
    mutationFn: async () => {
      try {
        return await latchkey.requestExport();
      } catch (error) {
        const running = error instanceof LatchkeyError && error.code === "EXPORT_ALREADY_RUNNING" ? error.location?.split("/").pop() : undefined;
        if (!running) throw error;
        return latchkey.getExport({ path: { export_id: running } });
      }
    },
    onSuccess: (job) => {
      queries.setQueryData(latchkeyKeys.export(accountId, job.id), job);
      void queries.invalidateQueries({ queryKey: latchkeyKeys.exports(accountId) });
    },
  });
}

export interface DeleteMe {
  /** Erase immediately, without the grace period. */
  hard?: boolean;
}

/** Delete the account, which signs out. */
export function useDeleteMe(): UseMutationResult<DeletionView, Failing, DeleteMe | void> {
  const { latchkey } = useHookContext();
  return useMutation<DeletionView, Failing, DeleteMe | void>({
    mutationFn: (given) => latchkey.deleteMe(given?.hard ? { query: { hard: true } } : {}),
  });
}

// --- all of it ----------------------------------------------------------------------------------

export interface Settings {
  getMe(): Promise<Me>;
  updateMe(change: UpdateMeBody): Promise<Me>;
  uploadAvatar(picture: Blob): Promise<Me>;
  deleteAvatar(): Promise<Me>;
  getPreferences(): Promise<PreferencesView>;
  replacePreferences(preferences: PreferencesBody): Promise<PreferencesView>;
  getSessions(): Promise<SessionListView>;
  renameSession(sessionId: string, name: string): Promise<SessionView>;
  revokeSession(sessionId: string): Promise<void>;
  /** All others; with `includeThisDevice` also this one. */
  revokeAllSessions(given?: RevokeAll): Promise<EndedSessionsView>;
  requestExport(): Promise<ExportView>;
  getExports(): Promise<ExportListView>;
  changePassword(given: ChangePassword): Promise<EndedSessionsView>;
  changeEmail(email: string): Promise<void>;
  deleteMe(given?: DeleteMe): Promise<DeletionView>;
  logout(): Promise<void>;
}

/** All operations of a settings page as plain functions, with the same cache as the hooks. */
export function useSettings(): Settings {
  const { latchkey, queries, accountId } = useHookContext();
  const calls = {
    updateMe: useUpdateMe().mutateAsync,
    uploadAvatar: useUploadAvatar().mutateAsync,
    deleteAvatar: useDeleteAvatar().mutateAsync,
    replacePreferences: useReplacePreferences().mutateAsync,
    renameSession: useRenameSession().mutateAsync,
    revokeSession: useRevokeSession().mutateAsync,
    revokeAllSessions: useRevokeAllSessions().mutateAsync,
    requestExport: useRequestExport().mutateAsync,
    changePassword: useChangePassword().mutateAsync,
    changeEmail: useChangeEmail().mutateAsync,
    deleteMe: useDeleteMe().mutateAsync,
  };
  const latest = useRef(calls);
  latest.current = calls;
  return useMemo<Settings>(() => {
    const fetched = <T>(queryKey: readonly unknown[], queryFn: () => Promise<T>) => queries.fetchQuery({ queryKey, queryFn, retry: false, staleTime: 0 });
    return {
      getMe: () => fetched(latchkeyKeys.me(accountId), async () => withEtag(await latchkey.getMe())),
      updateMe: (change) => latest.current.updateMe(change),
      uploadAvatar: (picture) => latest.current.uploadAvatar(picture),
      deleteAvatar: () => latest.current.deleteAvatar(),
      getPreferences: () => fetched(latchkeyKeys.preferences(accountId), () => latchkey.getPreferences()),
      replacePreferences: (preferences) => latest.current.replacePreferences(preferences),
      getSessions: () => fetched(latchkeyKeys.sessions(accountId), () => latchkey.listSessions()),
      renameSession: (sessionId, name) => latest.current.renameSession({ sessionId, name }),
      revokeSession: (sessionId) => latest.current.revokeSession(sessionId),
      revokeAllSessions: (given) => latest.current.revokeAllSessions(given),
      requestExport: () => latest.current.requestExport(),
      getExports: () => fetched(latchkeyKeys.exports(accountId), () => latchkey.listExports()),
      changePassword: (given) => latest.current.changePassword(given),
      changeEmail: (email) => latest.current.changeEmail(email),
      deleteMe: (given) => latest.current.deleteMe(given),
      logout: () => latchkey.logout(),
    };
  }, [latchkey, queries, accountId]);
}
