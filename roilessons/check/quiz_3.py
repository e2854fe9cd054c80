"""Five questions after the lessons on practice, 14 to 16."""

from roilessons.check.judging import choice

unit_of_a_group = choice(
    "c",
    "The question is about people, so people are what must vary independently. Six subjects give five degrees of freedom.",
    "About whom shall the sentence hold?",
    "A new study would bring new subjects. What has to be counted so that the p-value knows how much these vary?",
    minutes=2,
    a="Runs say how well each subject is known. They do not say how subjects differ.",
    b="Voxels of one brain are neighbours with shared noise, and all belong to the same people.",
    d="With more volumes each subject is known better. How subjects differ is not.",
)
faces_in_odd_runs = choice(
    "a",
    "Without both conditions in one run their difference there does not exist. Between runs it is mixed with everything in which runs differ.",
    "Can face minus house be computed within a run?",
    "Runs differ in level, drift and how awake the subject is. Which differences would face minus house contain?",
    minutes=2,
    b="Taking out each run's mean takes out the difference between faces and houses with it.",
    c="The number of volumes is equal. The trouble is in which runs they are.",
    d="Smoothing in space does not change which run had which condition.",
)
head_moves_with_faces = choice(
    "d",
    "Where movement and faces go together, nobody can tell them apart afterwards: left in, it may pass for an effect; taken out, an effect may go with it.",
    "Two things that always happen together: can a model tell which one made the signal?",
    "What would the motion parameters take out, if movement comes with faces?",
    minutes=2,
    a="They take out what follows the estimated movement, and with it the part of the effect that goes along. Not all of movement's effects follow it, either.",
    b="Motion correction puts voxels back in place. Changes of the signal by movement stay.",
    c="More runs measure the sum of effect and movement more precisely. They do not take the two apart.",
)
what_reliability_shows = choice(
    "b",
    "Two halves agree in what is stable. An artefact, a wrong label or a mask in the wrong place can be stable, too.",
    "What could make both halves wrong in the same way?",
    "Both halves come from one subject, one scanner, one design and one analysis.",
    minutes=2,
    a="Dice compares two results, not a result with the truth.",
    c="It says nothing about people who were not scanned.",
    d="A low threshold can give a high overlap of large masks, and a high one a low overlap of good ones.",
)
tuned_settings = choice(
    "c",
    "The best of many tries fits this subject's noise as well. Some of its lead is lost elsewhere, on average.",
    "The best of many tries: why is it the best? Two reasons.",
    "What does lesson 09 say of voxels that were chosen for being best? The same holds for settings.",
    minutes=2,
    a="That would need settings chosen without this subject's noise.",
    b="Choosing among tries favours those that noise helped. On another subject the noise is another.",
    d="Most of what makes settings good is common to the subjects. It is the lead that shrinks, not all of it.",
)
