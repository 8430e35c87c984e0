// The register of staff: found, brought in by a list, stopped and let in again, each by the office whose it is.
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Flex, Input, Select, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useHere } from "~/app/session";
import type { Client } from "~/fhir/client";
import { ImportButton, type Tried } from "~/ui/ImportButton";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Reasoned } from "~/ui/Reasoned";
import { Rows } from "~/ui/Rows";
import { XLSX, sendList } from "~/ui/importing";
import { aside, clause, comma } from "~/ui/joining";
import { minuteOf } from "~/ui/time";

interface Person {
  id: number;
  name: string;
  handle: string;
  reference: string;
  status: "admitted" | "suspended" | "left";
  institution: string;
  department: string;
  posts: { role: string; institution: string; ends?: string }[];
  factors: string[];
  seen?: string;
}

const COLOURS = { admitted: "green", suspended: "orange", left: "default" };

export default function Staff() {
  const { t } = useTranslation("translation", { keyPrefix: "staff" });
  const { t: all } = useTranslation();
  const { client, who } = useHere();
  const queries = useQueryClient();
  const [words, setWords] = useState("");
  const [role, setRole] = useState<string>();
  const [status, setStatus] = useState<string>();
  const policy = useQuery({
    queryKey: ["administration", "policy"],
    queryFn: () => client.get<{ roles: { name: string; called: string }[] }>("$administration/policy"),
  });
  const called = new Map(policy.data?.roles.map((one) => [one.name, one.called]));
  const found = useInfiniteQuery({
    queryKey: ["administration", "people", words, role, status],
    initialPageParam: 0,
    queryFn: ({ pageParam }) => client.get<{ people: Person[]; next?: number }>("$administration/people", { words, role, status, after: pageParam }),
    getNextPageParam: (last) => last.next,
  });
  const again = () => void queries.invalidateQueries({ queryKey: ["administration", "people"] });
  const people = found.data?.pages.flatMap((page) => page.people) ?? [];
  const posts = (one: Person) => one.posts.map((post) => `${called.get(post.role) ?? post.role}${aside(post.institution)}`).join(clause());
  const system = who.role === "system-administrator";
  return (
    <Page
      title={t("title")} say={t("say")}
      actions={system ? (
        <ImportButton
          title={t("import")} send={(file, dry) => sendStaff(client, file, dry, { done: t("imported"), given: t("first"), name: t("result") })} onDone={again}
          template={async () => ({ content: await client.file("$staff-template", {}, XLSX), name: t("template") })}
        />
      ) : null}
    >
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows
        dataSource={people} loading={found.isLoading} locale={{ emptyText: <Nothing say={t(words || role || status ? "none" : "empty")} /> }}
        exported={{ title: t("title") }} more={{ has: found.hasNextPage, fetching: found.isFetchingNextPage, fetch: () => void found.fetchNextPage() }}
        tools={<>
          <Input.Search allowClear enterButton={all("ui.search")} placeholder={t("placeholder")} aria-label={t("placeholder")} onSearch={(text) => setWords(text.trim())} style={{ width: 280, maxWidth: "100%" }} />
          <Select allowClear placeholder={t("role")} aria-label={t("role")} value={role} onChange={setRole} style={{ width: 160 }} showSearch={{ optionFilterProp: "label" }} options={(policy.data?.roles ?? []).map((one) => ({ value: one.name, label: one.called }))} />
          <Select allowClear placeholder={t("status")} aria-label={t("status")} value={status} onChange={setStatus} style={{ width: 120 }} options={Object.keys(COLOURS).map((value) => ({ value, label: t(`states.${value}`) }))} />
        </>}
        columns={[
          { title: t("name"), dataIndex: "name", fixed: "start", width: 140 },
          { title: t("handle"), dataIndex: "handle" },
          { title: t("status"), text: (one) => t(`states.${one.status}`), render: (_, one) => <Tag color={COLOURS[one.status]}>{t(`states.${one.status}`)}</Tag> },
          { title: t("posts"), text: posts },
          { title: t("department"), dataIndex: "department" },
          { title: t("factors"), text: (one) => one.factors.map((kind) => t(`kinds.${kind}`)).join(comma()) || t("no-factor") },
          { title: t("seen"), text: (one) => minuteOf(one.seen) },
          ...(system || who.role === "security-administrator"
            ? [{ title: t("acts"), render: (_: unknown, one: Person) => <Acts one={one} system={system} client={client} again={again} /> }]
            : []),
        ]}
      />
    </Page>
  );
}

function Acts({ one, system, client, again }: { one: Person; system: boolean; client: Client; again: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "staff" });
  const { modal } = App.useApp();
  if (one.status === "left") return null;
  const act = (verb: string) => async (why: string) => {
    await client.post(`$administration/people/${one.id}/${verb}`, { why });
    again();
  };
  const say = <Typography.Text strong>{one.name}{aside(one.handle)}</Typography.Text>;
  if (system) return <Reasoned danger label={t("leave")} title={t("leave-say")} say={say} act={act("leave")} />;
  const permit = async () => {
    const { permit: code } = await client.post<{ permit: string }>("$factors/$permit", { reference: one.reference });
    modal.info({ title: t("permit"), content: <><p>{t("permit-say", { name: one.name })}</p><Typography.Text copyable strong style={{ fontSize: 20 }}>{code}</Typography.Text></> });
  };
  const remove = async () => {
    await client.post("$factors/$remove", { reference: one.reference });
    again();
  };
  return (
    <Flex gap={4} wrap>
      {one.status === "suspended"
        ? <Reasoned label={t("resume")} title={t("resume-say")} say={say} act={act("resume")} />
        : <Reasoned danger label={t("suspend")} title={t("suspend-say")} say={say} act={act("suspend")} />}
      <Reasoned optional label={t("permit")} title={t("permit-title")} say={say} act={permit} />
      {one.factors.length ? <Reasoned danger optional label={t("reset")} title={t("reset-say")} say={say} act={remove} /> : null}
    </Flex>
  );
}

/** Carried out, the list is answered by a workbook: the rows that came back, and how those who are new sign in. */
async function sendStaff(client: Client, file: File, dryRun: boolean, words: { done: string; given: string; name: string }): Promise<Tried> {
  if (dryRun) return sendList(client, "$staff-import", file, true);
  const answer = await client.call("POST", "$staff-import", file, { "content-type": file.type || XLSX, accept: XLSX });
  return { say: words.done, faults: [], file: { content: await answer.blob(), name: words.name, say: words.given } };
}
