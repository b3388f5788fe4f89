(* From steps to runs (docs/proof.md): the theorems that the prover asks of each action (INV, OC, WSC, LR, and NOBODY for
   callers that there are not) imply intransitive non-interference of runs of any length. Checked by `npm run evidence`
   with Coq; there are no axioms.

   Rushby, "Noninterference, Transitivity, and Channel-Control Security Policies" (1992); von Oheimb, "Information Flow
   Control Revisited: Noninfluence = Noninterference + Nonleakage" (2004). *)

Require Import List.
Import ListNotations.

Section Unwinding.
  (* States of the core, actions (an operation with its caller and arguments, or a function of the supervisor), what a
     caller gets back, and domains. *)
  Variables State Action Output Domain : Type.
  Variable step : State -> Action -> State.
  Variable output : State -> Action -> Output.
  Variable caller : Action -> Domain.

  (* The plan's policy, which no action changes (POLICY), and what a domain sees of two states alike. *)
  Variable flows : Domain -> Domain -> Prop.
  Variable alike : Domain -> State -> State -> Prop.
  Variable invariant : State -> Prop.

  Hypothesis flows_self : forall u, flows u u.
  Hypothesis flows_or_not : forall u v, {flows u v} + {~ flows u v}.
  Hypothesis alike_refl : forall u s, alike u s s.
  Hypothesis alike_sym : forall u s t, alike u s t -> alike u t s.
  Hypothesis alike_trans : forall u s t r, alike u s t -> alike u t r -> alike u s r.

  (* What is proved of each action. *)
  Hypothesis INV : forall s a, invariant s -> invariant (step s a).
  Hypothesis OC : forall s t a,
    invariant s -> invariant t -> alike (caller a) s t -> output s a = output t a.
  Hypothesis WSC : forall s t a u,
    invariant s -> invariant t -> flows (caller a) u ->
    alike u s t -> alike (caller a) s t -> alike u (step s a) (step t a).
  Hypothesis LR : forall s a u,
    invariant s -> ~ flows (caller a) u -> alike u s (step s a).

  Fixpoint run (s : State) (actions : list Action) : State :=
    match actions with
    | [] => s
    | a :: rest => run (step s a) rest
    end.

  (* Who can have told u something by the end of these actions. *)
  Fixpoint sources (actions : list Action) (u : Domain) : Domain -> Prop :=
    match actions with
    | [] => fun v => v = u
    | a :: rest => fun v =>
        sources rest u v \/ (v = caller a /\ exists w, flows v w /\ sources rest u w)
    end.

  (* The same actions without those whose callers cannot tell u anything. *)
  Inductive purged (u : Domain) : list Action -> list Action -> Prop :=
  | purged_nil : purged u [] []
  | purged_keep : forall a rest rest',
      sources (a :: rest) u (caller a) -> purged u rest rest' -> purged u (a :: rest) (a :: rest')
  | purged_drop : forall a rest rest',
      ~ sources (a :: rest) u (caller a) -> purged u rest rest' -> purged u (a :: rest) rest'.

  Definition alike_to_all (who : Domain -> Prop) (s t : State) : Prop := forall v, who v -> alike v s t.

  Lemma run_invariant : forall actions s, invariant s -> invariant (run s actions).
  Proof. induction actions as [| a rest IH]; simpl; auto using INV. Qed.

  (* One action that both make: whoever is a source afterwards still sees them alike. *)
  Lemma keep : forall a rest u s t,
    invariant s -> invariant t ->
    alike_to_all (sources (a :: rest) u) s t -> alike_to_all (sources rest u) (step s a) (step t a).
  Proof.
    intros a rest u s t Is It H v Hv.
    assert (Hs : alike v s t) by (apply H; left; exact Hv).
    destruct (flows_or_not (caller a) v) as [F | F].
    - apply WSC; auto. apply H. right. split; [reflexivity | exists v; auto].
    - apply alike_trans with s; [apply alike_sym, LR; auto |].
      apply alike_trans with t; auto.
  Qed.

  (* One action that only the first makes, of somebody who can tell u nothing. *)
  Lemma drop : forall a rest u s t,
    invariant s -> ~ sources (a :: rest) u (caller a) ->
    alike_to_all (sources (a :: rest) u) s t -> alike_to_all (sources rest u) (step s a) t.
  Proof.
    intros a rest u s t Is N H v Hv.
    assert (F : ~ flows (caller a) v).
    { intro F. apply N. right. split; [reflexivity | exists v; auto]. }
    apply alike_trans with s; [apply alike_sym, LR; auto |].
    apply H. left. exact Hv.
  Qed.

  Lemma purge_alike : forall actions u s t actions',
    invariant s -> invariant t -> alike_to_all (sources actions u) s t -> purged u actions actions' ->
    alike u (run s actions) (run t actions').
  Proof.
    induction actions as [| a rest IH]; intros u s t actions' Is It H P; inversion P; subst; simpl.
    - apply H. reflexivity.
    - apply IH; auto using INV. apply keep; auto.
    - apply IH; auto using INV. eapply drop; eauto.
  Qed.

  (* Non-influence: neither what others do nor what is in their part of the state changes what a caller gets back, unless
     a chain of allowed flows leads from them to it. *)
  Theorem noninfluence : forall actions a s t actions',
    invariant s -> invariant t -> alike_to_all (sources actions (caller a)) s t ->
    purged (caller a) actions actions' ->
    output (run s actions) a = output (run t actions') a.
  Proof. intros. apply OC; auto using run_invariant. eapply purge_alike; eauto. Qed.

  (* Non-interference: what others do. *)
  Theorem noninterference : forall actions a s actions',
    invariant s -> purged (caller a) actions actions' ->
    output (run s actions) a = output (run s actions') a.
  Proof. intros. apply noninfluence; auto. intros v _. apply alike_refl. Qed.

  (* Non-leakage: what others know. *)
  Lemma keep_all : forall actions u s t,
    invariant s -> invariant t -> alike_to_all (sources actions u) s t ->
    alike u (run s actions) (run t actions).
  Proof.
    induction actions as [| a rest IH]; intros u s t Is It H; simpl.
    - apply H. reflexivity.
    - apply IH; auto using INV. apply keep; auto.
  Qed.
  Theorem nonleakage : forall actions a s t,
    invariant s -> invariant t -> alike_to_all (sources actions (caller a)) s t ->
    output (run s actions) a = output (run t actions) a.
  Proof. intros. apply OC; auto using run_invariant. apply keep_all; auto. Qed.

  (* In the words of `virtsec check --prove`: if no chain of allowed flows leads from p to u, then u gets back the same
     whatever p does and knows. *)
  Inductive reaches : Domain -> Domain -> Prop :=
  | reaches_self : forall u, reaches u u
  | reaches_on : forall u v w, flows u v -> reaches v w -> reaches u w.
  Lemma source_reaches : forall actions u v, sources actions u v -> reaches v u.
  Proof.
    induction actions as [| a rest IH]; simpl; intros u v H.
    - subst. apply reaches_self.
    - destruct H as [H | [_ [w [F H]]]]; auto. eapply reaches_on; eauto.
  Qed.
  Theorem isolation : forall actions a s t actions',
    invariant s -> invariant t ->
    (forall v, reaches v (caller a) -> alike v s t) -> purged (caller a) actions actions' ->
    output (run s actions) a = output (run t actions') a.
  Proof. intros. apply noninfluence; auto. intros v Hv. eauto using source_reaches. Qed.
End Unwinding.

Print Assumptions noninfluence.
Print Assumptions noninterference.
Print Assumptions nonleakage.
Print Assumptions isolation.
