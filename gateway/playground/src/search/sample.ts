/** Passages to begin with: what a small town's notice board might hold. */
export const PASSAGES = `The ferry to the island leaves at nine and takes bicycles without a charge.
Snow has closed the pass; the bus now goes around by the valley and needs an hour more.
The night train keeps two carriages for people who travel with small children.
Fill the tyres again when it gets cold: air that cools down loses pressure.
Let the dough rest in the fridge overnight, and the crust will crackle.
A spoon of vinegar keeps the red of the cabbage while it simmers.
Lentils, carrots and a bay leaf make a soup that warms four for little money.
Roast the beans slowly; coffee that is hurried tastes of ash.
Two owls have taken the old church tower, and the bells stay silent until June.
Bees that swarm are looking for a home, not for a fight: stand still and wait.
The heron by the mill stands in the water for an hour before it moves.
Cut the roses back above an outward bud once the frost is over.
Keep what you may lose on one disk in three places, one of them far away.
A cache that is never emptied remembers what is no longer true.
The program waits for a lock that its other half will never release.
Turn it off, count to ten, turn it on: the router forgets what confused it.
The orchestra plays Dvořák on Saturday; those under twenty pay half.
She tuned the cello in the cold hall and waited for the oboe's note.
The film is silent, but a pianist sits below the screen.
Drink water before you are thirsty when you walk in the heat.
A cold goes in a week with medicine, and in seven days without.
Sleep is when the brain files what the day has thrown at it.
The library lends drills, tents and a sewing machine for two weeks.
Rents rise faster here than wages, and the council has called a meeting.
The bakery seeks somebody who likes to begin at three in the morning.
Our goalkeeper stopped two penalties, and still we lost by one.
Chess on Tuesdays: beginners are given a rook and some patience.
The comet can be seen low in the west for half an hour after sunset.
Jupiter's moons moved in a night, and so Galileo knew what they were.
The tide comes back faster than a person can walk across the sand.`;

export const QUERIES = [
  "something warm for dinner",
  "my computer hangs",
  "animals",
  "how do I get there in winter?",
];
