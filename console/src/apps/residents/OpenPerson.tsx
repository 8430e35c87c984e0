// Showing a person whole, for a stated reason: the usual ones by one press, any other in words.
import { useMutation } from "@tanstack/react-query";
import { Button, Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { parameters, parametersOf } from "~/fhir/parameters";
import { QuestionnaireForm } from "~/ui/QuestionnaireForm";
import { question, questionnaire } from "~/ui/questionnaire/asking";

const USUAL = ["visit", "follow-up", "desk"];

export function OpenPerson({ registration, onOpened }: { registration: string; onOpened: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents.opening" });
  const client = useClient();
  const opening = useMutation({ mutationFn: (reason: fhir4.Parameters) => client.post(`Patient/${registration}/$open`, reason), onSuccess: onOpened });
  const asked = questionnaire(t("go"), [question("reason", "string", t("other"), { required: true, maxLength: 200 })]);
  return (
    <Flex vertical gap={12}>
      <Typography.Text type="secondary">{t("say")}</Typography.Text>
      <Flex gap={8} wrap>
        {USUAL.map((one) => <Button key={one} disabled={opening.isPending} onClick={() => opening.mutate(parameters({ reason: t(one) }))}>{t(one)}</Button>)}
      </Flex>
      <QuestionnaireForm questionnaire={asked} sending={{ ...opening, mutate: (response) => opening.mutate(parametersOf(response)) }} done={t("go")} />
    </Flex>
  );
}
