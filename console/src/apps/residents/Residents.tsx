// Looking for a resident; before anybody is asked for, those who were here last.
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useSearchParams } from "react-router";
import { ageOf } from "~/fhir/reading";
import { useHere } from "~/app/session";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { comma } from "~/ui/joining";
import { Finder } from "./Finder";
import { Unfound } from "./Unfound";
import { presented, presentedCard } from "./presenting";
import { readCard } from "./readers";
import type { Found, Row } from "./view";

export default function Residents() {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const { client, who } = useHere();
  const navigate = useNavigate();
  const [search, setSearch] = useSearchParams();
  const asked = search.get("q") ?? "";
  const found = useInfiniteQuery({
    queryKey: ["residents", asked],
    initialPageParam: "",
    queryFn: ({ pageParam }) => client.get<Found>("$residents", { q: asked, _cursor: pageParam }),
    getNextPageParam: (last) => last.next || undefined,
  });
  const shown = useMutation({
    mutationFn: (code: string) => presented(client, { code }),
  });
  const card = useMutation({
    mutationFn: async () => {
      const number = await readCard();
      const id = number && who.reads_codes ? await presentedCard(client, number, who.reader_opens) : null;
      return { number, id };
    },
  });
  // Who was asked for last is opened, whichever answer is late: these are called for the newest only.
  const scanned = (code: string) => shown.mutate(code, {
    onSuccess: (id) => (id ? void navigate(`/residents/${id}`) : setSearch({ q: code })),
  });
  const read = () => card.mutate(undefined, {
    onSuccess: ({ number, id }) => {
      if (id) void navigate(`/residents/${id}`);
      else if (number) setSearch({ q: number });
    },
  });
  const ask = (text: string) => {
    shown.reset();
    card.reset();
    setSearch(text ? { q: text } : {});
  };
  const rows = unique(found.data?.pages.flatMap((page) => page.residents) ?? []);
  const lately = found.data?.pages[0]?.lately ?? false;
  const own = found.data?.pages[0]?.own ?? false;
  const isNobody = asked !== "" && found.isSuccess && rows.length === 0;
  return (
    <Page title={t("title")}>
      <Finder
        asked={asked} busy={(asked !== "" && found.isFetching) || shown.isPending || card.isPending}
        onAsk={ask} onScan={(code) => (who.reads_codes ? scanned(code) : ask(code))} onCard={read}
      />
      <ProblemBox error={shown.error ?? card.error} />
      {card.data && !card.data.number ? <Typography.Text type="warning" role="status">{t("no-card")}</Typography.Text> : null}
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      {lately && rows.length > 0 ? <Typography.Title level={2} style={{ fontSize: 16, margin: 0 }}>{t(own ? "lately-own" : "lately")}</Typography.Title> : null}
      {isNobody ? <Unfound key={asked} asked={asked} /> : (
        <Rows<Row>
          dataSource={rows} loading={found.isPending} locale={{ emptyText: <Nothing say={t("ask")} /> }}
          exported={{ title: t("title"), about: (one) => `Patient/${one.id}` }}
          more={{ has: found.hasNextPage, fetching: found.isFetchingNextPage, fetch: () => void found.fetchNextPage() }}
          columns={[
            { title: t("name"), text: (one) => one.name, render: (_, one) => <Link to={`/residents/${one.id}`}>{one.name || t("nameless")}</Link> },
            { title: t("sex"), text: (one) => (one.sex ? t(`sexes.${one.sex}`) : "") },
            { title: t("age"), text: (one) => ageOf(one.born) },
            ...(lately ? [
              { title: t("last"), text: (one: Row) => one.last ?? "" },
              { title: t("visit"), text: (one: Row) => [one.kind ? t(`kinds.${one.kind}`) : "", one.what].filter(Boolean).join(" · ") },
            ] : []),
            { title: t("number"), text: (one) => one.number ?? "" },
            { title: t("phone"), text: (one) => one.phone ?? "" },
            { title: t("institution"), text: (one) => (one.where ?? []).join(comma()) },
          ]}
        />
      )}
    </Page>
  );
}

/** A resident may be found on several pages, by several registrations. */
function unique(rows: Row[]): Row[] {
  return [...new Map(rows.map((one) => [one.id, one])).values()];
}
