// What residents ask or complain about who has looked at their records; the audit administrator answers.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Tag } from "antd";
import { useTranslation } from "react-i18next";
import { useHere } from "~/app/session";
import { answered, type Parts } from "~/fhir/parameters";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Reasoned } from "~/ui/Reasoned";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";

export default function Questions() {
  const { t } = useTranslation("translation", { keyPrefix: "who_looked" });
  const { client } = useHere();
  const queries = useQueryClient();
  const found = useQuery({ queryKey: ["look-questions"], queryFn: () => client.get<fhir4.Parameters>("$look-questions") });
  const answer = (row: Parts) => async (words: string) => {
    const parameter = [{ name: "id", valueInteger: row.number("id") ?? 0 }, { name: "words", valueString: words }];
    await client.post("$answer-look", { resourceType: "Parameters", parameter });
    await queries.invalidateQueries({ queryKey: ["look-questions"] });
  };
  return (
    <Page title={t("title")} say={t("say")}>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows
        dataSource={answered(found.data).all("question")} loading={found.isLoading} rowKey={(row) => row.text("id")}
        exported={{ title: t("title") }} locale={{ emptyText: <Nothing say={t("none")} /> }}
        columns={[
          { title: t("asked"), text: (row) => minuteOf(row.text("asked")), width: 150 },
          { title: t("kind"), text: (row) => t(row.text("kind")), render: (_, row) => <Tag color={row.text("kind") === "complain" ? "red" : "blue"}>{t(row.text("kind"))}</Tag>, width: 90 },
          { title: t("words"), text: (row) => row.text("words") },
          { title: t("look"), text: (row) => row.text("text") },
          {
            title: t("answer"), text: (row) => row.text("answer"),
            render: (_, row) => row.text("answer") ? row.text("answer") : (
              <Reasoned type="primary" label={t("reply")} title={t("replyTo")} say={<p style={{ margin: 0 }}>{row.text("words")}</p>} act={answer(row)} />
            ),
          },
          { title: t("answered"), text: (row) => minuteOf(row.text("answered")), width: 150 },
        ]}
      />
    </Page>
  );
}
