// Who has looked, in the platform's own sentences: to staff those of their own institution, to an auditor all.
import { useQuery } from "@tanstack/react-query";
import { Alert, Flex, Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Problem } from "~/fhir/client";
import { answered } from "~/fhir/parameters";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";
import type { First } from "./view";

interface Look { id: string; text: string; last: string; emergency: boolean }

export default function LooksPart({ id, view }: { id: string; view: First }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents.looks" });
  const client = useClient();
  const registrations = view.registrations.map((one) => one.id);
  const found = useQuery({
    queryKey: ["resident", id, "looks"],
    queryFn: async () => {
      const answers = await Promise.all(registrations.map((one) => client.get<fhir4.Parameters>(`Patient/${one}/$who-looked`)));
      return unique(answers.flatMap(looksOf));
    },
  });
  if (found.error instanceof Problem && found.error.status === 403) return <Alert type="info" showIcon title={t("not-yours")} />;
  if (found.error) return <ProblemBox error={found.error} again={() => void found.refetch()} />;
  if (!found.data) return <Skeleton active />;
  return (
    <Flex vertical gap={12}>
      <Alert type="info" showIcon title={t("say")} />
      <Rows<Look>
        dataSource={found.data} locale={{ emptyText: <Nothing say={t("none")} /> }}
        exported={{ title: t("title"), about: () => `Patient/${view.person.id}` }}
        columns={[
          { title: t("last"), text: (one) => minuteOf(one.last) },
          { title: t("text"), text: (one) => one.text },
          { title: t("emergency"), text: (one) => (one.emergency ? t("yes") : "") },
        ]}
      />
    </Flex>
  );
}

function looksOf(answer: fhir4.Parameters): Look[] {
  return answered(answer).all("look").map((one) => {
    const [text, last] = [one.text("text"), one.text("last")];
    return { id: `${last} ${text}`, text, last, emergency: one.yes("emergency") };
  });
}

/** One look may be told of several registrations. The newest first. */
function unique(looks: Look[]): Look[] {
  return [...new Map(looks.map((one) => [one.id, one])).values()].sort((one, other) => other.last.localeCompare(one.last));
}
